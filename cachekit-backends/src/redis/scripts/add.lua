-- KEYS value; ARGV content, keep
local stored = read('GET', KEYS[1])
if not stored then
  store(KEYS[1], ARGV[1], ARGV[2])
  return false
end
if ARGV[2] == '' then
  redis.call('PERSIST', KEYS[1])
else
  local left = redis.call('PTTL', KEYS[1])
  if left >= 0 and left < tonumber(ARGV[2]) then redis.call('PEXPIRE', KEYS[1], ARGV[2]) end
end
return stored
