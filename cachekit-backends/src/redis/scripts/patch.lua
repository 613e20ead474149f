-- KEYS value, lease; ARGV how many bytes stand before, bytes
redis.call('DEL', KEYS[2])
local length = read('STRLEN', KEYS[1])
if not length or ARGV[1] + #ARGV[2] > length or redis.call('EXISTS', KEYS[1]) == 0 then return 0 end
redis.call('SETRANGE', KEYS[1], ARGV[1], ARGV[2])
return 1
