#!/bin/sh
# What a container runs, called by the image and by the rehearsal:
#   start.sh                serve the bundle of $BUNDLE
#   start.sh healthy        whether the service can answer, for a health check
#   start.sh VERB ...       any verb of icd-coder, such as migrate or keys
set -eu

PREFIX=/opt/icd-coder
PORT="${PORT:-8000}"

case "${1:-serve}" in
    serve)
        [ "$#" -eq 0 ] || shift
        exec "$PREFIX/bin/icd-coder" serve --bundle "${BUNDLE:-/bundles/current}" --host 0.0.0.0 --port "$PORT" \
            --device "${DEVICE:-cpu}" --precision "${PRECISION:-auto}" "$@"
        ;;
    healthy)
        exec "$PREFIX/bin/python" -c \
            'import sys, urllib.request; urllib.request.urlopen(sys.argv[1], timeout=5)' "http://127.0.0.1:$PORT/readyz"
        ;;
    *)
        exec "$PREFIX/bin/icd-coder" "$@"
        ;;
esac
