//! The store has been away for longer than those who are known go on.

use super::{Cluster, Hopper, PEOPLE};
use crate::redis::Redis;
use crate::world::World;

#[test]
fn the_operator_says_what_happens_when_the_store_stays_away() {
    const ALLOW: &str = "[policy]\nblocked = [\"shop.test\"]\n";
    const BLOCK: &str = "[policy]\nblocked = [\"shop.test\"]\ndefault = \"block\"\n\
                         [[policy.rule]]\nname = \"news\"\ndestinations = [\"news.test\"]\neffect = \"allow\"\n";
    for (offline, policy, news, shop) in [
        ("refuse", ALLOW, 503, 403),
        ("allow", BLOCK, 200, 403),
        ("default-rule", ALLOW, 200, 403),
        ("default-rule", BLOCK, 403, 403),
    ] {
        let world = World::build().network("shared", "127.0.7.0/24", "shared = true").start();
        let redis = Redis::start();
        let config = format!("offline_grace = \"1s\"\noffline = {offline:?}\n{policy}{}", redis.config());
        let mut cluster = Cluster::with(world, redis, config, 1);
        let mut hopper = Hopper::new(&cluster, [127, 0, 7, 1]);
        assert_eq!(hopper.sign_in("http://news.test/", PEOPLE[0]).status, 200);
        cluster.redis.kill();
        cluster.nodes[0].wait_for_event("the shared store has been away for too long");
        let go = |url: &str| cluster.nodes[0].browser(&cluster.world).at([127, 0, 7, 1]).go(url).status;
        assert_eq!([go("http://news.test/"), go("http://shop.test/")], [news, shop], "{offline} {policy}");
        if offline != "refuse" {
            cluster.nodes[0].last_record_has("news.test", &[("rule", "offline".into()), ("status", news.into())]);
        }
        cluster.redis.start_again();
        cluster.nodes[0].wait_for_event("the shared store is back");
        let mut hopper = Hopper::new(&cluster, [127, 0, 7, 2]);
        assert_eq!(hopper.sign_in("http://news.test/", PEOPLE[1]).status, 200, "{offline}");
    }
}
