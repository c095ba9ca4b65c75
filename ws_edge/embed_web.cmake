# Writes OUTPUT, a C++ source with the files of FILES (a comma-separated list of paths below ROOT),
# each also compressed by GZIP: cmake -P embed_web.cmake

# Appends an array `symbol` with the bytes of `file` to `arrays`.
function(append_array symbol file)
  file(READ ${file} hex HEX)
  string(REGEX REPLACE "(..)" "0x\\1," bytes "${hex}")
  set(arrays "${arrays}constexpr unsigned char ${symbol}[] = {${bytes}};\n" PARENT_SCOPE)
endfunction()

set(arrays "")
set(entries "")
string(REPLACE "," ";" files "${FILES}")
foreach(file ${files})
  file(RELATIVE_PATH name ${ROOT} ${file})
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
  append_array(${symbol} ${file})
  file(SHA256 ${file} hash)
  string(SUBSTRING ${hash} 0 32 hash)
  # Without name and time in it, so that equal files give equal bytes.
  set(compressed ${OUTPUT}.${symbol}.gz)
  execute_process(COMMAND ${GZIP} -9 -n -c ${file}
    OUTPUT_FILE ${compressed} COMMAND_ERROR_IS_FATAL ANY)
  file(SIZE ${file} size)
  file(SIZE ${compressed} compressed_size)
  set(gzip "{}")
  if(compressed_size LESS size)
    append_array(${symbol}_gzip ${compressed})
    set(gzip "View(${symbol}_gzip)")
  endif()
  file(REMOVE ${compressed})
  set(path "/${name}")
  if(name STREQUAL "index.html")
    set(path "/")
  endif()
  string(APPEND entries
    "      {\"${path}\", {\"${type}\", \"${hash}\", View(${symbol}), ${gzip}}},\n")
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
