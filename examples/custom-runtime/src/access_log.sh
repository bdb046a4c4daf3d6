# Counts the requests in an access log by status, and writes the counts to another bucket.

: "${COUNTS_BUCKET:?is not set}"
S3=${AWS_ENDPOINT_URL:-https://s3.$AWS_REGION.amazonaws.com}

log() { # LEVEL MESSAGE KEY: to the standard output of the runtime, which Lambda logs
  printf '{"level": "%s", "message": "%s", "key": "%s"}\n' "$@" >&3
}

s3() { # CURL'S ARGUMENTS…: a signed request, which ends a second before the invocation does
  local seconds=$((DEADLINE_MS / 1000 - $(date +%s) - 1))
  ((seconds > 0)) || { echo "no time is left for a request to S3" >&2; return 1; } # 0: no limit
  curl --silent --show-error --fail --max-time "$seconds" \
    --aws-sigv4 "aws:amz:$AWS_REGION:s3" --user "$AWS_ACCESS_KEY_ID:$AWS_SECRET_ACCESS_KEY" \
    --header "x-amz-security-token: $AWS_SESSION_TOKEN" \
    --header "x-amz-content-sha256: UNSIGNED-PAYLOAD" "$@"
}

counts() { # FILE: requests by status, as JSON
  local line status
  local -A requests=()
  while IFS= read -r line || [[ $line ]]; do
    [[ $line =~ \"\ ([1-5][0-9]{2})\  ]] && status=${BASH_REMATCH[1]} || status=unreadable
    requests[$status]=$((${requests[$status]:-0} + 1))
  done < "$1"
  local json=
  for status in $(printf '%s\n' "${!requests[@]}" | sort); do
    json+="${json:+, }\"$status\": ${requests[$status]}"
  done
  printf '{%s}' "$json"
}

handle() { # EVENT: S3 sends one record with each event, and the key percent-encoded
  [[ $1 =~ \"bucket\":\ *\{[^\}]*\"name\":\ *\"([a-z0-9.-]+)\" ]] && local bucket=${BASH_REMATCH[1]} \
    || { echo "the event names no bucket" >&2; return 1; }
  [[ $1 =~ \"key\":\ *\"([^\"]+)\" ]] && local key=${BASH_REMATCH[1]//+/%20} \
    || { echo "the event names no key" >&2; return 1; }
  local file=$FOLDER/log
  s3 --output "$file" "$S3/$bucket/$key" || return
  counts "$file" > "$FOLDER/counts" || return
  rm -f "$file"
  s3 --output /dev/null --upload-file "$FOLDER/counts" "$S3/$COUNTS_BUCKET/$key.json" || return
  log INFO counted "$key"
  cat "$FOLDER/counts"
}
