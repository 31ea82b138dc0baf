//! The secret of the nodes is changed while they run, one after the other.

use super::{Cluster, Hopper, PEOPLE};

#[test]
fn the_secret_is_changed_on_running_nodes_and_nobody_notices() {
    let (old, new) = ("a secret that all nodes of this test have", "another one, as long and as hard to guess");
    let mut cluster = Cluster::start(2);
    let plain = cluster.config.clone();
    assert!(plain.contains(old));
    let step = |seals: &str, opens: &str| plain.replace(old, seals) + &format!("other_secrets = [{opens:?}]\n");
    let steps = [step(old, new), step(new, old), plain.replace(old, new)];
    let mut home = Hopper::new(&cluster, [127, 0, 7, 1]);
    assert_eq!(home.sign_in("http://news.test/", PEOPLE[0]).status, 200);
    let jar = home.browser.jar.clone();
    for (number, config) in steps.iter().enumerate() {
        cluster.config.clone_from(config);
        for node in 0..2 {
            cluster.restart(node);
            // Half of the nodes are a step ahead of the others.
            let mut hopper = Hopper::new(&cluster, [127, 0, 7, 1]);
            hopper.browser.jar.clone_from(&jar);
            for round in 0..2 {
                let page = hopper.go("http://news.test/");
                assert_eq!((page.status, page.redirects), (200, 0), "step {number}, node {node}, {round}: {page:#?}");
            }
            // Begun at the one and finished at the other: return tokens, forms and tickets are sealed, too.
            let mut stranger = Hopper::new(&cluster, [127, 0, 7, 2]);
            let page = stranger.sign_in("http://shop.test/x", PEOPLE[1]);
            assert_eq!((page.status, page.url.as_str()), (200, "http://shop.test/x"), "step {number}, node {node}");
            if number == 1 && node == 1 {
                // By the end of the last step, cookies of the old secret have had their thirty days: get new ones.
                hopper.browser.forget("news.test");
                let page = hopper.go("http://news.test/");
                assert_eq!((page.status, page.heading()), (200, "This is news.test"), "no logon page: {page:#?}");
            }
        }
    }
}
