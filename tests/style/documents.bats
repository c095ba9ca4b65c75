#!/usr/bin/env bats
# Everything that documents and comments name is in the tree; the subjects of commits fit on a line.
cd "$BATS_TEST_DIRNAME/../.."

@test 'links and file names in documents and comments lead to a file' { python3 -B tests/style/documents.py .; }

@test 'README.md has at most 900 words, and 13 rows for each path of a message' {
  (($(wc -w <README.md) <= 900))
  sed -n '/^## The life of a message/,$p' README.md | awk '/^\| \[/ { if (++rows > 13) exit 1; next } { rows = 0 }'
  (($(sed -n '/^## The life of a message/,$p' README.md | grep -c '^| \[') > 20))
}

# Older subjects are as they are.
@test 'the subjects of the last 50 commits have at most 72 characters' {
  git rev-parse HEAD >/dev/null || skip 'no history: this is no clone, or git is not installed'
  local subject long=0
  while IFS= read -r subject; do
    ((${#subject} <= 72)) || { echo "${#subject} characters: $subject" && long=1; }
  done < <(git log -50 --no-merges --format=%s)
  ((!long))
}
