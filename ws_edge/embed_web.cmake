# Writes OUTPUT, a C++ source with the files of FILES (a comma-separated list): cmake -P embed_web.cmake
set(arrays "")
set(entries "")
string(REPLACE "," ";" files "${FILES}")
foreach(file ${files})
  get_filename_component(name ${file} NAME)
  get_filename_component(extension ${file} LAST_EXT)
  if(extension STREQUAL ".html")
    set(type "text/html; charset=utf-8")
  elseif(extension STREQUAL ".js")
    set(type "text/javascript; charset=utf-8")
  elseif(extension STREQUAL ".css")
    set(type "text/css; charset=utf-8")
  else()
    set(type "text/plain; charset=utf-8")
  endif()
  string(MAKE_C_IDENTIFIER "k_${name}" symbol)
  file(READ ${file} hex HEX)
  string(REGEX REPLACE "(..)" "0x\\1," bytes "${hex}")
  string(APPEND arrays "constexpr unsigned char ${symbol}[] = {${bytes}};\n")
  set(path "/${name}")
  if(name STREQUAL "index.html")
    set(path "/")
  endif()
  string(APPEND entries "      {\"${path}\", {\"${type}\", View(${symbol})}},\n")
endforeach()
file(WRITE ${OUTPUT} "#include \"ws_edge/web_files.h\"

namespace edge {
namespace {

${arrays}
template <size_t kSize>
std::string_view View(const unsigned char (&bytes)[kSize]) {
  return {reinterpret_cast<const char*>(bytes), kSize};
}

}  // namespace

std::map<std::string, WebFile> WebFiles() {
  return {
${entries}  };
}

}  // namespace edge
")
