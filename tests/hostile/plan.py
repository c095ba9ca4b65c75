"""Which attacks exist, and which of them a run makes. The one place to wire an attack: its second word.

A name that begins with ws_ is an attack of hostile_client (client/), any other a module in attacks/ with
`run(address, seconds)`, which returns what the attacker got as a dictionary."""

from dataclasses import dataclass

QUICK = "quick"      # in every run, for QUICK_SECONDS
LONG = "long"        # in runs with --long only, with all that are quick, for LONG_SECONDS
BY_HAND = "by hand"  # only if it is named: the product has no defence yet, and it fails

QUICK_SECONDS, LONG_SECONDS = 2, 60
MEMORY, NATS = "memory", "nats"


@dataclass(frozen=True)
class Attack:
    name: str
    when: str
    engines: tuple = (MEMORY,)
    # By how many MiB the resident memory of a process may grow: 64, or what the attack fills by right.
    edge_mib: int = 64
    service_mib: int = 64
    # The 99th percentile may always be so much.
    p99_floor_ms: float = 10


ATTACKS = (
    Attack("ws_publish_20", QUICK, engines=(MEMORY, NATS)),
    # 17 times a second 6 MB for 100 members, which take the edge 7 ms and the bystanders' process 5 ms.
    Attack("ws_publish_60k", QUICK, engines=(MEMORY, NATS), p99_floor_ms=25),
    Attack("ws_keyed", QUICK, engines=(MEMORY, NATS), service_mib=320),  # 1.25 x --dedup_bytes_max
    Attack("ws_history", QUICK),
    Attack("ws_ping_commands", QUICK),
    Attack("ws_bad_json", QUICK),
    Attack("ws_join_leave", QUICK, engines=(MEMORY, NATS)),
    Attack("ws_ping_frames", QUICK),
    Attack("ws_empty_fragments", QUICK),
    Attack("ws_connect_join_close", QUICK),
    Attack("ws_random_groups", QUICK, engines=(MEMORY, NATS)),
    Attack("ws_never_reading", QUICK),
    Attack("ws_silent", QUICK, edge_mib=192),  # 19,900 sessions of about 7 KiB
    Attack("ws_push_histories_out", BY_HAND, service_mib=1344),  # 1.25 x --history_total_bytes_max, and the rest
    Attack("grpc_unary_flood", QUICK),
    Attack("grpc_unary_crowd", QUICK),
    Attack("grpc_stream_flood", QUICK),
    Attack("grpc_giant_messages", QUICK),
    Attack("grpc_half_messages", QUICK),
    Attack("grpc_malformed", QUICK),
    Attack("grpc_rapid_reset", QUICK),
    Attack("grpc_continuation", QUICK),
    Attack("grpc_huge_header", QUICK),
    Attack("grpc_gzip_bomb", QUICK),
    Attack("grpc_many_streams", QUICK),
    Attack("grpc_churn", QUICK),
    Attack("grpc_fat_requests", QUICK),
    Attack("grpc_never_reading", QUICK, service_mib=336),  # four full queues of 64 MiB, 1.05 x, and the rest
    # 128 MiB may wait for the clients of an address (kHeldBytesMax, limits.h), and the rest.
    Attack("grpc_unread_errors", QUICK, service_mib=192),
    Attack("grpc_unread_histories", QUICK, service_mib=192),
    Attack("grpc_histories", QUICK, service_mib=192),
    Attack("grpc_resubscribe", QUICK),
    Attack("grpc_open_cancel", QUICK),
    Attack("grpc_spread_cancel", QUICK),
    Attack("grpc_settings_flood", QUICK),
    Attack("grpc_ping_flood", QUICK),
)
