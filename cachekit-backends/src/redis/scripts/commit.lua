-- KEYS value, lease; ARGV content, keep, token, 'again' where an attempt before this one may have been carried out
if redis.call('GET', KEYS[2]) ~= ARGV[3] then
  return ARGV[4] == 'again' and read('GET', KEYS[1]) == ARGV[1]
end
store(KEYS[1], ARGV[1], ARGV[2])
redis.call('DEL', KEYS[2])
return 1
