// Every field of channel.proto: the last value that its comment allows, and the first that it does
// not.
#include "channel_service/handlers/validate.h"

#include <gtest/gtest.h>

#include <functional>
#include <string>
#include <vector>

#include "channel_service/base/strings.h"

namespace channel {
namespace {

template <typename Request>
struct Row {
  const char* name;
  std::function<void(Request&)> set;
  const char* words = "";  // of the refusal; empty: it is allowed
  absl::StatusCode code = absl::StatusCode::kInvalidArgument;
};

template <typename Request, typename Validate>
void Check(const std::vector<Row<Request>>& rows, const Request& good, Validate validate) {
  for (const Row<Request>& row : rows) {
    SCOPED_TRACE(row.name);
    Request request = good;
    row.set(request);
    const absl::Status status = validate(request);
    if (*row.words == '\0') {
      EXPECT_TRUE(status.ok()) << status;
      continue;
    }
    EXPECT_EQ(status.code(), row.code) << status;
    EXPECT_NE(MessageOf(status).find(row.words), std::string_view::npos) << status;
  }
}

std::string Repeat(size_t count) { return std::string(count, 'x'); }
// Objects in each other.
std::string Deep(size_t levels) { return std::string(levels, '[') + std::string(levels, ']'); }

TEST(Validate, Publish) {
  using R = v1::PublishRequest;
  R good;
  good.set_group_id("g");
  good.set_message("m");
  const ServiceLimits limits;
  const std::vector<Row<R>> rows = {
      {"group id of 1 byte", [](R& r) { r.set_group_id("g"); }},
      {"group id of 255 bytes", [](R& r) { r.set_group_id(Repeat(255)); }},
      {"no group id", [](R& r) { r.clear_group_id(); }, "group_id is empty; allowed are 1 to 255"},
      {"group id of 256 bytes", [](R& r) { r.set_group_id(Repeat(256)); },
       "group_id has 256 bytes; allowed are 1 to 255"},
      {"empty message", [](R& r) { r.set_message(""); }},
      {"empty data", [](R& r) { r.set_data(""); }},
      {"no body", [](R& r) { r.clear_message(); }, "no body"},
      {"message at the limit", [](R& r) { r.set_message(Repeat(65'536)); }},
      {"message past the limit", [](R& r) { r.set_message(Repeat(65'537)); },
       "the body has 65537 bytes; at most 65536", absl::StatusCode::kResourceExhausted},
      {"data past the limit", [](R& r) { r.set_data(Repeat(65'537)); },
       "the body has 65537 bytes; at most 65536", absl::StatusCode::kResourceExhausted},
      {"no key", [](R& r) { r.set_key(""); }},
      {"key of 128 bytes", [](R& r) { r.set_key(Repeat(128)); }},
      {"key of 129 bytes", [](R& r) { r.set_key(Repeat(129)); }, "key has 129 bytes; at most 128"},
      {"JSON", [](R& r) { r.set_json(true), r.set_message("{}"); }},
      {"JSON of 32 levels", [](R& r) { r.set_json(true), r.set_message(Deep(32)); }},
      {"JSON of 33 levels", [](R& r) { r.set_json(true), r.set_message(Deep(33)); },
       "message is not valid JSON of at most 32 levels"},
      {"JSON with a name in two objects",
       [](R& r) { r.set_json(true), r.set_message(R"([{"a":":\\\""},{"a":1}])"); }},
      {"JSON with a name twice",
       [](R& r) { r.set_json(true), r.set_message(R"({"b":{"a":1,"a":2}})"); },
       "without a name twice in one object"},
      {"no JSON", [](R& r) { r.set_json(true), r.set_message("{"); }, "message is not valid JSON"},
      {"JSON as data", [](R& r) { r.set_json(true), r.set_data("{}"); },
       "message is not valid JSON"},
      {"sequence without a publisher", [](R& r) { r.set_sequence(1); },
       "sequence needs a publisher"},
  };
  Check(rows, good, [&](const R& r) { return ValidatePublish(r, "", limits); });
  good.set_sequence(UINT64_MAX);
  EXPECT_TRUE(ValidatePublish(good, "publisher", limits).ok());
}

TEST(Validate, PublishStream) {
  using R = v1::PublishStreamRequest;
  const std::vector<Row<R>> firsts = {
      {"nobody", [](R&) {}},
      {"publisher of 64 bytes", [](R& r) { r.set_publisher(Repeat(64)); }},
      {"publisher of 65 bytes", [](R& r) { r.set_publisher(Repeat(65)); },
       "publisher has 65 bytes; at most 64"},
      {"any order",
       [](R& r) {
         r.set_publisher("p");
         r.set_any_order(true);
       }},
      {"any order of nobody", [](R& r) { r.set_any_order(true); }, "any_order needs a publisher"},
  };
  Check(firsts, R(),
        [](const R& r) { return ValidatePublishStream(r, /*first=*/true, "", false); });
  const std::vector<Row<R>> laters = {
      {"nobody", [](R&) {}},
      {"the same", [](R& r) { r.set_publisher("p"); }},
      {"another", [](R& r) { r.set_publisher("q"); }, "publisher is another"},
      {"another order", [](R& r) { r.set_any_order(true); }, "was not in the first request"},
  };
  Check(laters, R(),
        [](const R& r) { return ValidatePublishStream(r, /*first=*/false, "p", false); });
  R again;
  again.set_any_order(true);
  EXPECT_TRUE(ValidatePublishStream(again, /*first=*/false, "p", true).ok());
}

// Rows of what Subscription and HistoryRequest have in common.
template <typename R>
std::vector<Row<R>> FromRows() {
  const auto since = [](R& r, const std::string& epoch, uint64_t offset) {
    r.mutable_since()->set_epoch(epoch);
    r.mutable_since()->set_offset(offset);
  };
  return {
      {"neither", [](R&) {}},
      {"group id of 255 bytes", [](R& r) { r.set_group_id(Repeat(255)); }},
      {"no group id", [](R& r) { r.clear_group_id(); }, "group_id is empty; allowed are 1 to 255"},
      {"group id of 256 bytes", [](R& r) { r.set_group_id(Repeat(256)); },
       "group_id has 256 bytes; allowed are 1 to 255"},
      {"empty position", [](R& r) { r.mutable_since(); }},
      {"the first position", [=](R& r) { since(r, "k3", 0); }},
      {"the greatest offset", [=](R& r) { since(r, "k3", UINT64_MAX); }},
      {"epoch of all kinds", [=](R& r) { since(r, "azAZ09", 1); }},
      {"epoch of 32", [=](R& r) { since(r, Repeat(32), 1); }},
      {"epoch of 33", [=](R& r) { since(r, Repeat(33), 1); },
       "since.epoch is not an epoch; allowed are 1 to 32 letters (A-Z, a-z) and digits"},
      {"epoch with a dash", [=](R& r) { since(r, "k-3", 1); }, "since.epoch is not an epoch"},
      {"epoch with a space", [=](R& r) { since(r, "k 3", 1); }, "since.epoch is not an epoch"},
      {"epoch with ü", [=](R& r) { since(r, "kü", 1); }, "since.epoch is not an epoch"},
      {"epoch with a zero", [=](R& r) { since(r, std::string("k\0", 2), 1); },
       "since.epoch is not an epoch"},
      {"offset without epoch", [=](R& r) { since(r, "", 1); }, "since has an offset, but no epoch"},
      {"last 1", [](R& r) { r.set_last(1); }},
      {"last 1000", [](R& r) { r.set_last(1000); }},
      {"last 1001", [](R& r) { r.set_last(1001); }, "last is 1001; allowed are 0 to 1000"},
      {"the greatest last", [](R& r) { r.set_last(UINT32_MAX); }, "allowed are 0 to 1000"},
      {"since and last", [=](R& r) { since(r, "k3", 1), r.set_last(1); },
       "since and last exclude each other"},
  };
}

TEST(Validate, Subscription) {
  v1::Subscription good;
  good.set_group_id("g");
  good.set_tag(UINT64_MAX);
  Check(FromRows<v1::Subscription>(), good, &ValidateSubscription);
}

TEST(Validate, History) {
  v1::HistoryRequest good;
  good.set_group_id("g");
  good.set_limit(UINT32_MAX);  // larger than allowed is cut
  Check(FromRows<v1::HistoryRequest>(), good, &ValidateHistory);
}

}  // namespace
}  // namespace channel
