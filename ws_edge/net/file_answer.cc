#include "ws_edge/net/file_answer.h"

#include <boost/beast/http/field.hpp>
#include <string>

namespace edge {
namespace {

namespace http = boost::beast::http;

// Forbids scripts other than our own files, frames and forms, so that injected text cannot become
// code.
constexpr char kContentSecurityPolicy[] =
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self' ws: wss:; "
    "img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

}  // namespace

channel::HttpResponse FileAnswer(const WebFile& file, const channel::HttpRequest& request) {
  const bool compressed =
      !file.gzip.empty() && WantsGzip(channel::JoinedHeader(request, "Accept-Encoding"));
  const std::string etag = file.Etag(compressed);
  const bool held = NamesEtag(channel::JoinedHeader(request, "If-None-Match"), etag);
  channel::HttpResponse response{held ? http::status::not_modified : http::status::ok, 11};
  response.set(http::field::etag, etag);
  response.set(http::field::cache_control, "no-cache");  // ask each time; 304 costs little
  response.set(http::field::vary, "Accept-Encoding");
  response.set(http::field::access_control_allow_origin, "*");
  if (held) return response;
  response.set(http::field::content_type, channel::ToBeast(file.content_type));
  response.set("Content-Security-Policy", kContentSecurityPolicy);
  response.set("Referrer-Policy", "no-referrer");
  if (compressed) response.set(http::field::content_encoding, "gzip");
  response.body() = compressed ? file.gzip : file.content;
  return response;
}

}  // namespace edge
