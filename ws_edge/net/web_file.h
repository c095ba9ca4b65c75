// A compiled-in file (embed_web.cmake) that is served over plain HTTP, and the forms of it that a
// client may choose.
#pragma once

#include <string>
#include <string_view>

namespace edge {

struct WebFile {
  std::string_view content_type;
  std::string_view hash;  // of the content
  std::string_view content;
  std::string_view gzip;  // the content compressed; empty if that would not be shorter

  // Returns the entity tag (RFC 9110 section 8.8.3). It is strong, so each encoding has its own.
  std::string Etag(bool compressed) const;
};

// Returns whether the header Accept-Encoding prefers gzip to no encoding (RFC 9110 section 12.5.3).
bool WantsGzip(std::string_view accept_encoding);

// Returns whether the header If-None-Match names this entity tag (RFC 9110 section 13.1.2). Proxies
// that compress make strong tags weak, so W/ does not matter.
bool NamesEtag(std::string_view if_none_match, std::string_view etag);

}  // namespace edge
