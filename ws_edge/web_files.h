// The files of ws_edge/web, compiled in (made by embed_web.cmake).
#pragma once

#include <map>
#include <string>

#include "ws_edge/net/web_file.h"

namespace edge {

// By path: "/" is index.html, "/channel.js", "/page/main.js" …
std::map<std::string, WebFile> WebFiles();

}  // namespace edge
