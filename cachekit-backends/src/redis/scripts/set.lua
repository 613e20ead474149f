-- KEYS value, lease; ARGV content, keep
store(KEYS[1], ARGV[1], ARGV[2])
redis.call('DEL', KEYS[2])
return 1
