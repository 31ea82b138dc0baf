//! What the server does in one step: nothing else happens between the commands of a script.

use std::sync::LazyLock;

use redis::Script;

/// Keeps a session (`new`) or renews it (`old`), with the indexes to it. If its name is not said (`unsaid`), it keeps
/// its place among those with or without a name.
pub(super) static KEEP: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        "if redis.call('EXISTS', KEYS[2]) == 1 then return 0 end
         if ARGV[5] == 'old' and redis.call('EXISTS', KEYS[1]) == 0 then return 0 end
         redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
         redis.call('ZADD', KEYS[3], ARGV[4], ARGV[3])
         if redis.call('PTTL', KEYS[3]) < tonumber(ARGV[2]) then redis.call('PEXPIRE', KEYS[3], ARGV[2]) end
         redis.call('ZADD', KEYS[4], 0, ARGV[3])
         local place = ARGV[7]
         if ARGV[6] == 'unsaid' then
             local held = redis.call('ZSCORE', KEYS[5], ARGV[3])
             if not held or tonumber(held) < tonumber(ARGV[8]) then place = ARGV[4] end
         end
         redis.call('ZADD', KEYS[5], place, ARGV[3])
         if ARGV[6] == 'named' then
             redis.call('ZADD', KEYS[6], ARGV[4], ARGV[3])
             if redis.call('PTTL', KEYS[6]) < tonumber(ARGV[2]) then redis.call('PEXPIRE', KEYS[6], ARGV[2]) end
         end
         return 1",
    )
});

/// Ends a session, and tells all nodes by the stream.
pub(super) static END: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        "local had = redis.call('DEL', KEYS[1])
         redis.call('SET', KEYS[2], '', 'PX', ARGV[2])
         redis.call('ZREM', KEYS[3], ARGV[1])
         redis.call('ZREM', KEYS[4], ARGV[1])
         redis.call('ZREM', KEYS[5], ARGV[1])
         redis.call('ZREM', KEYS[6], ARGV[1])
         return {had, redis.call('XADD', KEYS[7], 'MAXLEN', '~', ARGV[3], '*', 'ended', ARGV[1])}",
    )
});

/// Replaces a record, if it is still the one that was seen.
pub(super) static SWAP: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        "local held = redis.call('GET', KEYS[1])
         if ARGV[1] == 'none' then
             if held then return 0 end
         elseif held ~= ARGV[2] then return 0 end
         redis.call('SET', KEYS[1], ARGV[3], 'PX', ARGV[4])
         return 1",
    )
});

/// Counts, for a time that begins with the first count.
pub(super) static COUNT: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        "local sum = redis.call('INCR', KEYS[1])
         if sum == 1 then redis.call('PEXPIRE', KEYS[1], ARGV[1]) end
         return sum",
    )
});
