#include "ws_edge/net/http_answer.h"

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

HttpResponse Begin(http::status status, std::string_view server_name) {
  HttpResponse response{status, 11};
  response.set("X-Channel-Edge", ToBeast(server_name));
  response.set("X-Content-Type-Options", "nosniff");
  response.keep_alive(false);
  return response;
}

}  // namespace

HttpResponse TextAnswer(http::status status, std::string_view text, std::string_view server_name) {
  HttpResponse response = Begin(status, server_name);
  response.set(http::field::content_type, "text/plain; charset=utf-8");
  response.set(http::field::cache_control, "no-store");
  response.body() = std::string(text) + "\n";
  return response;
}

HttpResponse FileAnswer(const WebFile& file, const HttpRequest& request,
                        std::string_view server_name) {
  const bool compressed = !file.gzip.empty() && WantsGzip(JoinedHeader(request, "Accept-Encoding"));
  const std::string etag = file.Etag(compressed);
  const bool held = NamesEtag(JoinedHeader(request, "If-None-Match"), etag);
  HttpResponse response = Begin(held ? http::status::not_modified : http::status::ok, server_name);
  response.set(http::field::etag, etag);
  response.set(http::field::cache_control, "no-cache");  // ask each time; 304 costs little
  response.set(http::field::vary, "Accept-Encoding");
  response.set(http::field::access_control_allow_origin, "*");
  if (held) return response;
  response.set(http::field::content_type, ToBeast(file.content_type));
  response.set("Content-Security-Policy", kContentSecurityPolicy);
  response.set("Referrer-Policy", "no-referrer");
  if (compressed) response.set(http::field::content_encoding, "gzip");
  response.body() = compressed ? file.gzip : file.content;
  return response;
}

}  // namespace edge
