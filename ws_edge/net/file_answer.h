// The compiled-in files as answers over HTTP.
#pragma once

#include "channel_service/http/connection.h"
#include "ws_edge/net/web_file.h"

namespace edge {

// Answers with the file as the request wants it: compressed or not, or 304 if the client has it.
// Scripts of any page may read it, because it is the same for everybody.
channel::HttpResponse FileAnswer(const WebFile& file, const channel::HttpRequest& request);

}  // namespace edge
