#include "channel_service/rpc/unary_calls.h"

#include "channel_service/handlers/history_handler.h"
#include "channel_service/handlers/publish_handler.h"
#include "channel_service/rpc/unary_call.h"

namespace channel {
namespace {

struct PublishMethod {
  using Handler = PublishHandler;
  static constexpr size_t kAnswerBytesMax = 0;
  static size_t RequestBytesMax(const RpcContext& context) {
    return context.handlers.limits.publish_request_bytes_max();
  }
  static void Ask(RpcContext& context, grpc::ServerContext* call, grpc::ByteBuffer* request,
                  UnaryResponder* responder, void* tag) {
    context.service.RequestPublish(call, request, responder, &context.queue, &context.queue, tag);
  }
};

struct HistoryMethod {
  using Handler = HistoryHandler;
  static constexpr size_t kAnswerBytesMax = kHistoryReplyBytesMax;
  static size_t RequestBytesMax(const RpcContext&) { return kRequestBytesMax; }
  static void Ask(RpcContext& context, grpc::ServerContext* call, grpc::ByteBuffer* request,
                  UnaryResponder* responder, void* tag) {
    context.service.RequestHistory(call, request, responder, &context.queue, &context.queue, tag);
  }
};

}  // namespace

void AcceptPublish(RpcContext& context) { UnaryCall<PublishMethod>::Accept(context); }
void AcceptHistory(RpcContext& context) { UnaryCall<HistoryMethod>::Accept(context); }

}  // namespace channel
