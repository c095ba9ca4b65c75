#include "channel_service/rpc/reflection_calls.h"

#include <google/protobuf/descriptor.h>
#include <google/protobuf/descriptor.pb.h>

#include <set>
#include <string>
#include <utility>
#include <vector>

#include "channel_service/rpc/parse_request.h"
#include "channel_service/rpc/stream_call.h"

namespace channel {
namespace {

namespace reflection = grpc::reflection;
using google::protobuf::Descriptor;
using google::protobuf::DescriptorPool;
using google::protobuf::FieldDescriptor;
using google::protobuf::FileDescriptor;
using reflection::v1::ServerReflectionRequest;
using reflection::v1::ServerReflectionResponse;

// A longer request is refused: the search for an unknown name costs the square of its length.
constexpr size_t kReflectionRequestBytesMax = 1024;

const DescriptorPool& Pool() { return *DescriptorPool::generated_pool(); }

void SetError(grpc::StatusCode code, const std::string& message,
              ServerReflectionResponse* response) {
  response->mutable_error_response()->set_error_code(code);
  response->mutable_error_response()->set_error_message(message);
}

// The file after all that it imports.
void AddFile(const FileDescriptor* file, std::set<const FileDescriptor*>* added,
             reflection::v1::FileDescriptorResponse* files) {
  if (!added->insert(file).second) return;
  for (int i = 0; i < file->dependency_count(); ++i) AddFile(file->dependency(i), added, files);
  google::protobuf::FileDescriptorProto proto;
  file->CopyTo(&proto);
  *files->add_file_descriptor_proto() = proto.SerializeAsString();
}

// `file` is null if there is none that answers the request for `what`.
void SetFile(const FileDescriptor* file, const std::string& what,
             ServerReflectionResponse* response) {
  if (file == nullptr) {
    SetError(grpc::StatusCode::NOT_FOUND, "no such thing here: " + what, response);
    return;
  }
  std::set<const FileDescriptor*> added;
  AddFile(file, &added, response->mutable_file_descriptor_response());
}

const FileDescriptor* FileOfExtension(const reflection::v1::ExtensionRequest& request) {
  const Descriptor* const type = Pool().FindMessageTypeByName(request.containing_type());
  const FieldDescriptor* const extension =
      type == nullptr ? nullptr : Pool().FindExtensionByNumber(type, request.extension_number());
  return extension == nullptr ? nullptr : extension->file();
}

void SetExtensions(const std::string& type_name, ServerReflectionResponse* response) {
  const Descriptor* const type = Pool().FindMessageTypeByName(type_name);
  if (type == nullptr) {
    SetError(grpc::StatusCode::NOT_FOUND, "no such thing here: " + type_name, response);
    return;
  }
  auto* const numbers = response->mutable_all_extension_numbers_response();
  numbers->set_base_type_name(type_name);
  std::vector<const FieldDescriptor*> extensions;
  Pool().FindAllExtensions(type, &extensions);
  for (const FieldDescriptor* extension : extensions) {
    numbers->add_extension_number(extension->number());
  }
}

void SetServices(ServerReflectionResponse* response) {
  for (const char* name :
       {v1::ChannelService::service_full_name(), grpc::health::v1::Health::service_full_name(),
        reflection::v1::ServerReflection::service_full_name(),
        reflection::v1alpha::ServerReflection::service_full_name()}) {
    response->mutable_list_services_response()->add_service()->set_name(name);
  }
}

ServerReflectionResponse Answer(const ServerReflectionRequest& request) {
  ServerReflectionResponse response;
  response.set_valid_host(request.host());
  *response.mutable_original_request() = request;
  switch (request.message_request_case()) {
    case ServerReflectionRequest::kFileByFilename:
      SetFile(Pool().FindFileByName(request.file_by_filename()), request.file_by_filename(),
              &response);
      break;
    case ServerReflectionRequest::kFileContainingSymbol:
      SetFile(Pool().FindFileContainingSymbol(request.file_containing_symbol()),
              request.file_containing_symbol(), &response);
      break;
    case ServerReflectionRequest::kFileContainingExtension:
      SetFile(FileOfExtension(request.file_containing_extension()),
              request.file_containing_extension().ShortDebugString(), &response);
      break;
    case ServerReflectionRequest::kAllExtensionNumbersOfType:
      SetExtensions(request.all_extension_numbers_of_type(), &response);
      break;
    case ServerReflectionRequest::kListServices:
      SetServices(&response);
      break;
    case ServerReflectionRequest::MESSAGE_REQUEST_NOT_SET:
      SetError(grpc::StatusCode::INVALID_ARGUMENT, "the request asks for nothing that is known",
               &response);
      break;
  }
  return response;
}

// Answers a request before it reads the next.
class ReflectionCall final : public StreamCall {
 public:
  template <typename Service>
  ReflectionCall(RpcContext& context, Service& service, AcceptCall accept_next)
      : StreamCall(context, "ServerReflectionInfo", accept_next) {
    service.RequestServerReflectionInfo(&server_context(), stream(), &context.queue, &context.queue,
                                        on_accepted());
  }

 private:
  ~ReflectionCall() override = default;

  void OnRequest(grpc::ByteBuffer* bytes) override {
    absl::Status status =
        bytes->Length() > kReflectionRequestBytesMax
            ? TooLongError("the request", bytes->Length(), kReflectionRequestBytesMax)
            : ParseRequest(bytes, &request_);
    bytes->Clear();
    if (status.ok()) {
      StartSlices();
    } else {
      End(std::move(status));
    }
  }

  bool OnSlice() override {
    if (state() == State::kBroken) return false;
    answer_ = Answer(request_).SerializeAsString();
    if (absl::Status status = peer().Hold(answer_.size()); !status.ok()) {
      answer_.clear();
      End(std::move(status));
    }
    return false;
  }

  void OnHalfClose() override { End(absl::OkStatus()); }

  void OnWritten() override {
    peer().Release(std::exchange(written_bytes_, 0));
    // The metadata may be written while a request waits for its turn.
    const bool answered = answer_.empty() && !waits_for_slice();
    if (state() == State::kOpen && !reading() && answered) StartRead();
  }

  void OnFlush() override {
    if (state() == State::kBroken) answer_.clear();
    if (answer_.empty() || writing()) return;
    written_bytes_ = answer_.size();
    StartWrite(std::exchange(answer_, {}));
  }

  bool WroteAll() const override { return answer_.empty() && !waits_for_slice(); }

  ServerReflectionRequest request_;
  std::string answer_;  // to be written; held
  size_t written_bytes_ = 0;
};

}  // namespace

void AcceptReflection(RpcContext& context) {
  new ReflectionCall(context, context.reflection.current, &AcceptReflection);
}
void AcceptReflectionAlpha(RpcContext& context) {
  new ReflectionCall(context, context.reflection.alpha, &AcceptReflectionAlpha);
}

}  // namespace channel
