"""What gateways keep in Redis of the limits that they share: names of keys, and the scripts that change them.

All numbers of a window lie in one hash: `total`, and for each host what was granted to it since the window began. A
host only ever says what it has used and gets told what it has in all, so an answer that is lost, or comes twice,
changes nothing. What an earlier connection of a host still had on its way is refused by its session.
"""

from __future__ import annotations

from typing import Final

FORGOTTEN: Final = -1  # the epoch is another one: Redis lost what it knew, or the host is not in it yet
OVER: Final = -2  # the window is over by Redis' clock
_KEPT_S: Final = 86_400  # numbers outlive their window by so much
TOTAL: Final = "total"

# Kept with a host's number: what it has used beyond its grants is debited first, then it is granted some of the rest.
# Where that is not enough the others are asked, when they meet, to give up what they do not need.
LEASE: Final = f"""
if redis.call('GET', KEYS[1]) ~= ARGV[1] or redis.call('GET', KEYS[2]) ~= ARGV[2] then return {{{FORGOTTEN}, 0, 0}} end
local host, limit, used, believed = ARGV[3], tonumber(ARGV[4]), tonumber(ARGV[5]), tonumber(ARGV[6])
local hosts, ends = tonumber(ARGV[7]), tonumber(ARGV[8])
local least, most, part = tonumber(ARGV[9]), tonumber(ARGV[10]), tonumber(ARGV[11])
local now = tonumber(redis.call('TIME')[1])
if now >= ends then return {{{OVER}, 0, 0}} end
local mine = tonumber(redis.call('HGET', KEYS[3], host) or '0')
local total = tonumber(redis.call('HGET', KEYS[3], '{TOTAL}') or '0')
if believed > mine then
  redis.call('DEL', KEYS[1])
  return {{{FORGOTTEN}, 0, 0}}
end
if used > mine then
  total = total + used - mine
  mine = used
end
local left = limit - total
if left > 0 then
  local size = math.min(left, math.max(least, math.min(most, math.floor(left / (part * hosts)))))
  local grant = math.min(left, math.max(0, size - (mine - used)))
  mine = mine + grant
  total = total + grant
end
redis.call('HSET', KEYS[3], host, string.format('%.0f', mine), '{TOTAL}', string.format('%.0f', total))
redis.call('EXPIREAT', KEYS[3], ends + {_KEPT_S})
if mine - used < least then redis.call('ZADD', KEYS[4], now, ARGV[12]) end
return {{0, mine, total}}
"""

GIVE_BACK: Final = f"""
if redis.call('GET', KEYS[1]) ~= ARGV[1] or redis.call('GET', KEYS[2]) ~= ARGV[2] then return {FORGOTTEN} end
local mine, kept = tonumber(redis.call('HGET', KEYS[3], ARGV[3]) or '0'), tonumber(ARGV[4])
if kept < mine then
  redis.call('HSET', KEYS[3], ARGV[3], ARGV[4])
  redis.call('HINCRBY', KEYS[3], '{TOTAL}', string.format('%.0f', kept - mine))
end
return 0
"""

# Only ever upwards, so whoever says it for whom and however often.
DECLARE: Final = f"""
local mine, used = tonumber(redis.call('HGET', KEYS[1], ARGV[1]) or '0'), tonumber(ARGV[2])
if used > mine then
  redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
  redis.call('HINCRBY', KEYS[1], '{TOTAL}', string.format('%.0f', used - mine))
end
redis.call('EXPIREAT', KEYS[1], tonumber(ARGV[3]) + {_KEPT_S})
return 0
"""

# Who is here, and what the others ask of rates; a host that is silent for three seconds is not. With a fourth key also
# the windows of which somebody needed more lately than is left.
MEET: Final = """
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
redis.call('ZADD', KEYS[1], now, ARGV[1])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now - 3000)
redis.call('SET', KEYS[2], ARGV[2], 'PX', 3000)
local told = {}
for _, host in ipairs(redis.call('ZRANGE', KEYS[1], 0, -1)) do
  if host ~= ARGV[1] then told[#told + 1] = redis.call('GET', ARGV[3] .. host) end
end
local answer = {time[1], time[2], redis.call('GET', KEYS[3]) or '', told}
if KEYS[4] then
  redis.call('ZREMRANGEBYSCORE', KEYS[4], '-inf', time[1] - 3)
  answer[5] = redis.call('ZRANGE', KEYS[4], 0, 999)
end
return answer
"""

_RUN: Final = "local run = string.match(redis.call('INFO', 'server'), 'run_id:(%w+)')"

# The run of Redis, and the number of a host's newest connection.
ENTER: Final = f"""
{_RUN}
return {{run or '', redis.call('INCR', KEYS[1])}}
"""

# An epoch that waits to be opened: its name says the run of Redis that it is of, and since when it waits.
BEGIN: Final = f"""
{_RUN}
local opening = redis.call('GET', KEYS[1])
if opening and string.sub(opening, 1, #run + 1) == run .. '.' then return 0 end
redis.call('SET', KEYS[1], run .. '.' .. redis.call('TIME')[1] .. '.' .. ARGV[1])
return 1
"""

DECLARED: Final = """
redis.call('SADD', KEYS[1], ARGV[1])
redis.call('EXPIRE', KEYS[1], 3600)
return 0
"""

OPEN: Final = """
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[2], ARGV[1])
redis.call('DEL', KEYS[1])
return 1
"""

ALL: Final = (ENTER, BEGIN, DECLARE, DECLARED, MEET, LEASE, GIVE_BACK)


class Names:
    """The keys of one environment, all in one slot of a cluster."""

    def __init__(self, environment: str) -> None:
        """environment is its name."""
        self._prefix = f"apim:{{{environment}}}:limits:"
        self.epoch = self._prefix + "epoch"
        self.opening = self._prefix + "opening"
        self.hosts = self._prefix + "hosts"
        self.recalled = self._prefix + "recalled"

    def declared(self, opening: str) -> str:
        """Who has said what it used, for an epoch that is not open yet."""
        return f"{self._prefix}declared:{opening}"

    def session(self, host: str) -> str:
        """The number of the host's newest connection."""
        return f"{self._prefix}session:{host}"

    def asked(self, host: str) -> str:
        """What the host asks of rates."""
        return f"{self._prefix}asked:{host}"

    @staticmethod
    def window(cell: bytes, position: int, start: int) -> str:
        """A window of a cell, as it is recalled by."""
        return f"{cell.hex()}:{position}:{start}"

    def count(self, epoch: str, cell: bytes, position: int, start: int) -> str:
        """The numbers of a window of a cell."""
        return f"{self._prefix}{epoch}:{self.window(cell, position, start)}"
