-- wrk: posts a note with a key, and counts statuses and refusals that do not say when to come again.
wrk.method = "POST"
wrk.headers["Content-Type"] = "application/json"
wrk.headers["Authorization"] = "Bearer " .. os.getenv("LOAD_KEY")
wrk.body = '{"text": "' .. string.rep("word ", 2000) .. '", "neighbours": ' .. os.getenv("LOAD_NEIGHBOURS") .. '}'

local threads = {}
counts = {}
silent = 0

function setup(thread)
  table.insert(threads, thread)
end

function response(status, headers)
  counts[status] = (counts[status] or 0) + 1
  if (status == 429 or status == 503) and headers["retry-after"] == nil and headers["Retry-After"] == nil then
    silent = silent + 1
  end
  told = ""
  for each, count in pairs(counts) do
    told = told .. each .. "=" .. count .. " "
  end
end

function done(summary, latency)
  for _, thread in ipairs(threads) do
    io.write("STATUSES ", thread:get("told") or "", "\n")
    io.write("SILENT ", thread:get("silent"), "\n")
  end
  local errors = summary.errors
  io.write("ERRORS connect=", errors.connect, " read=", errors.read, " write=", errors.write, " timeout=", errors.timeout, "\n")
  io.write("REQUESTS ", summary.requests, " SECONDS ", summary.duration / 1e6, " P50MS ", latency:percentile(50) / 1000, "\n")
end
