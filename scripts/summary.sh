#!/bin/sh
# The last line of a test run. gotestsum calls this and hands over its counts. A
# package that does not build is both a failure and an error there.
set -eu
failed=$TESTS_FAILED
[ "$failed" -gt 0 ] || failed=$TESTS_ERRORS
echo "$((TESTS_TOTAL - TESTS_FAILED - TESTS_SKIPPED)) passed, $failed failed, $TESTS_SKIPPED skipped"
