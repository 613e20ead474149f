-- Stores a content; '' in place of milliseconds is for ever.
local function store(key, content, keep)
  if keep == '' then redis.call('SET', key, content) else redis.call('SET', key, content, 'PX', keep) end
end
