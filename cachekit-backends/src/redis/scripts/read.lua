-- What a command that reads a string finds; false where a value of another kind is stored, which counts as nothing.
local function read(...)
  local found = redis.pcall(...)
  if type(found) ~= 'table' then return found end
  if string.find(found.err, 'WRONGTYPE', 1, true) then return false end
  return redis.call(...)
end
