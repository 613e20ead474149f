-- KEYS value, lease; ARGV token, length, 'unseen' or 'always', the first bytes that were seen, the last place of them
if ARGV[3] == 'unseen' then
  local head = read('GETRANGE', KEYS[1], 0, ARGV[5])
  -- Nothing, and the empty content, both begin with no bytes.
  if head and head ~= ARGV[4] and (head ~= '' or redis.call('EXISTS', KEYS[1]) == 1) then
    return redis.call('GET', KEYS[1])
  end
  local holder = redis.call('GET', KEYS[2])
  if holder and holder ~= ARGV[1] then return math.max(redis.call('PTTL', KEYS[2]), 0) end
end
redis.call('SET', KEYS[2], ARGV[1], 'PX', ARGV[2])
return false
