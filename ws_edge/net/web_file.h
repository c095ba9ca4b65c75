// A file that is served over plain HTTP, compiled in (embed_web.cmake), and what HTTP lets a client
// choose of it.
#pragma once

#include <string>
#include <string_view>

namespace edge {

struct WebFile {
  std::string_view content_type;
  std::string_view hash;  // of the content
  std::string_view content;
  std::string_view gzip;  // the content compressed; empty if that would not be shorter

  // The entity tag (RFC 9110 section 8.8.3): strong, so another one for each encoding.
  std::string Etag(bool compressed) const;
};

// Does the header Accept-Encoding want gzip rather than nothing (RFC 9110 section 12.5.3)?
bool WantsGzip(std::string_view accept_encoding);

// Does the header If-None-Match name this entity tag (RFC 9110 section 13.1.2)? Proxies that
// compress make strong tags weak, so W/ does not matter.
bool NamesEtag(std::string_view if_none_match, std::string_view etag);

}  // namespace edge
