// Answers over plain HTTP: short texts, and the compiled-in files.
#pragma once

#include <boost/beast/http/message.hpp>
#include <boost/beast/http/string_body.hpp>
#include <string_view>

#include "ws_edge/net/http_text.h"
#include "ws_edge/net/web_file.h"

namespace edge {

using HttpResponse = boost::beast::http::response<boost::beast::http::string_body>;

// Answers with a line of text. The connection is closed after each answer.
HttpResponse TextAnswer(boost::beast::http::status status, std::string_view text,
                        std::string_view server_name);

// Answers with the file as the request wants it: compressed or not, or 304 if the client has it.
// Scripts of any page may read it, because it is the same for everybody.
HttpResponse FileAnswer(const WebFile& file, const HttpRequest& request,
                        std::string_view server_name);

}  // namespace edge
