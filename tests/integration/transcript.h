// Transcripts of tests/golden as they are read. Their format is in tests/golden/README.md.
#pragma once

#include <map>
#include <string>
#include <vector>

namespace golden {

struct Line {
  int number = 0;
  std::string connection;          // empty in transcripts with one connection
  std::string kind;                // "<", "<?", "<x", ">", ">x", "!", "@", "=", "^" or "~"
  std::vector<std::string> texts;  // one; of "<?": those of all such lines that follow each other

  const std::string& text() const { return texts.front(); }
};

struct Transcript {
  bool own_deployment = false;  // there is a "%" line
  std::vector<std::string> service_flags;
  std::vector<std::string> edge_flags;
  std::vector<Line> lines;
};

// Names of all transcripts, sorted.
std::vector<std::string> TranscriptNames();
// Throws support::TestFailure for a line that is not of a transcript.
Transcript ReadTranscript(const std::string& name);

// Bytes written in hexadecimal, spaces between them.
std::string FromHex(const std::string& hex);

// The text that "{name}" stands for: whatever stood there when the name was first met in a "<"
// line.
class Captures {
 public:
  // `text` with the values of its names. Throws support::TestFailure for a name that has none yet.
  std::string Fill(const std::string& text) const;
  // True if `text` is what `pattern` says; then new names have their values. With `words_are_open`
  // each "*" stands for any words.
  bool Match(const std::string& pattern, const std::string& text, bool words_are_open);

 private:
  std::map<std::string, std::string> value_by_name_;
};

}  // namespace golden
