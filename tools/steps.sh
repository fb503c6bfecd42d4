# For the scripts in tools/: runs named steps, one line each, and keeps what they print in build/logs/.
# Source it; it moves to the project's root.
# shellcheck shell=bash

cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit 1
logs=build/logs
failed=()
started=$SECONDS
jobs=$(nproc)
python=/usr/bin/python3  # Debian's own, which has the packages that tools/setup installs
mkdir -p "$logs"

# step NAME COMMAND...: runs the command with its output in build/logs/NAME.log. Prints NAME, how long it took and,
# when it failed, the end of that output. Returns the command's status.
step() {
  local name=$1 log="$logs/${1//[^a-z0-9]/-}.log" begin=$EPOCHREALTIME status=0
  shift
  printf '%-28s' "$name"
  "$@" >"$log" 2>&1 </dev/null || status=$?
  local took
  took=$(awk -v a="$begin" -v b="$EPOCHREALTIME" 'BEGIN {printf "%.1f s", b - a}')
  if ((status == 0)); then
    printf 'ok      %8s  %s\n' "$took" "$(summary "$log")"
    return 0
  fi
  printf 'FAILED  %8s  %s\n' "$took" "$(summary "$log")"
  excerpt "$log" | sed 's/^/    | /'
  echo "    the whole output: $log"
  failed+=("$name")
  return "$status"
}

# What of a failed step's log to show: ninja's first failed command and what follows, or else the end (of ctest's last
# run).
excerpt() {
  if grep -q '^FAILED: ' "$1"; then
    sed -n '/^FAILED: /,$p' "$1" | head -n 40
  else
    awk '/^Internal ctest/ { text = "" } { text = text $0 "\n" } END { printf "%s", text }' "$1" | tail -n 60
  fi
}

# The closing line of ctest (with doctest's cases), pytest or libFuzzer in a log, if there is one.
summary() {
  awk '
    /^([0-9]+: )?\[doctest\] test cases:/ { sub(/.*test cases: */, ""); cases += $1 }
    /tests passed, .* tests failed out of/ { closing = $0 }
    /^=+ .*(passed|failed|error|no tests ran).* =+$/ { gsub(/^=+ | =+$/, ""); closing = $0 }
    /^Done [0-9]+ runs in / { closing = $0 }
    END { if (closing != "") print closing (cases ? " (" cases " cases)" : "") }' "$1"
}

# must COMMAND...: a step without which the rest makes no sense.
must() { step "$@" || finish; }

# finish: the closing line, and the exit status of the whole.
finish() {
  local took=$((SECONDS - started))
  if ((${#failed[@]} == 0)); then
    echo "${0##*/}: all passed in $((took / 60)) min $((took % 60)) s"
    exit 0
  fi
  local names
  names=$(printf ', %s' "${failed[@]}")
  echo "${0##*/}: FAILED after $((took / 60)) min $((took % 60)) s: ${names:2}"
  exit 1
}

# build PRESET [TARGET]: configures and builds; quick when nothing changed.
build() {
  cmake --preset "$1" && cmake --build "build/$1" -j "$jobs" ${2:+--target "$2"}
}

# unit_tests PRESET: every test program of build/PRESET; what failed runs once more, for a log that ends with it.
unit_tests() {
  timeout 600 ctest --test-dir "build/$1" --no-tests=error --verbose --timeout 300 -j "$jobs" && return
  timeout 600 ctest --test-dir "build/$1" --rerun-failed --output-on-failure --timeout 300
  return 1
}

# end_to_end PRESET [pytest arguments]: the tests of tests/e2e against build/PRESET/lintel, a file at a time on each core:
# mostly they wait. Those that fail are run once more, one after the other: a test that then passes is one to be mended,
# but says nothing against the program.
end_to_end() {
  local preset=$1
  shift
  local run=(timeout 900 "$python" -m pytest -o "cache_dir=$PWD/$logs/pytest-$preset" --color=no -rfE --durations=5 tests/e2e
    "$@")
  rm -rf "$logs/pytest-$preset"
  LINTEL="$PWD/build/$preset/lintel" "${run[@]}" -n "$jobs" --dist loadfile && return
  echo "FLAKY unless they fail again:"
  LINTEL="$PWD/build/$preset/lintel" "${run[@]}" --last-failed --last-failed-no-failures none
}

# sanitized COMMAND...: runs it with ASan, LSan and UBSan reporting into files, and fails when there are any, so that
# a report counts also where nobody looked at the program's exit status.
sanitized() {
  local reports="$PWD/$logs/sanitizer" status=0
  rm -rf "$reports"
  mkdir -p "$reports"
  ASAN_OPTIONS="log_path=$reports/asan:detect_leaks=1:detect_stack_use_after_return=0:abort_on_error=0" \
    UBSAN_OPTIONS="log_path=$reports/ubsan:print_stacktrace=1" "$@" || status=$?
  local report
  for report in "$reports"/*; do
    if [[ -e $report ]]; then
      echo "--- sanitizer report $report"
      cat "$report"
      status=1
    fi
  done
  return "$status"
}
