//! Redis servers in memory that run the product's library.

use mlua::{Function, Lua, Table};
use nexo::store::cluster::functions;

/// How many servers there are.
pub(super) const SERVERS: usize = 2;

/// The servers, and which of them take commands.
pub(super) struct Redis {
    library: Table,
    world: Table,
    masters: [bool; SERVERS],
    clock_steps_ms: [u64; SERVERS],
    now_ms: u64,
    replids: u64,
    // Last: what it holds ends before it.
    _lua: Lua,
}

/// The product's library with blocks as small as walks are short, and without the lines of one guard.
fn text(without: Option<&str>) -> String {
    let whole = functions::library();
    let (head, _) = whole.split_once('\n').expect("lines");
    assert!(head.starts_with("#!lua name=nexo_"), "{head}");
    let mark = without.map(|guard| format!("-- guard: {guard}"));
    let is_out = |line: &str| mark.as_ref().is_some_and(|mark| line.ends_with(mark.as_str()));
    assert!(mark.is_none() || whole.lines().any(is_out), "no line is marked {mark:?}");
    // The first line stays as an empty one, so that errors tell the right line.
    let lines = whole.lines().map(|line| if is_out(line) || line == head { "" } else { line });
    let mut text = lines.collect::<Vec<_>>().join("\n");
    for (setting, small) in [("FIRST_BLOCK = 16", "FIRST_BLOCK = 2"), ("LARGEST_BLOCK = 1024", "LARGEST_BLOCK = 4")] {
        assert!(text.contains(setting), "{setting}");
        text = text.replace(setting, small);
    }
    text
}

impl Redis {
    /// Servers with the library, without the lines of a guard.
    pub(super) fn new(without: Option<&str>) -> Self {
        Self::load(&text(without))
    }

    /// Servers with the library as it ships.
    pub(super) fn as_shipped() -> Self {
        // The first line is not Lua.
        Self::load(functions::library().trim_start_matches(|letter| letter != '\n'))
    }

    fn load(text: &str) -> Self {
        let lua = Lua::new();
        let world: Table = lua.load(include_str!("redis.lua")).set_name("@redis.lua").eval().expect("the servers");
        let load: Function = world.get("load").expect("load");
        let library = load.call(text).expect("the library loads");
        let mut redis =
            Self { library, world, masters: [true, false], clock_steps_ms: [0; SERVERS], now_ms: 0, replids: 0, _lua: lua };
        redis.reset();
        redis
    }

    fn run<R: mlua::FromLuaMulti>(&self, name: &str, args: impl mlua::IntoLuaMulti) -> R {
        let function: Function = self.world.get(name).expect("a function of the world");
        function.call(args).unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    /// New servers: the first one is the master of the second.
    pub(super) fn reset(&mut self) {
        self.run::<()>("reset", SERVERS);
        self.masters = [true, false];
        self.clock_steps_ms = [0; SERVERS];
        self.new_replid(0);
        self.replicate(0);
        self.set_time(u64::from(self.now_ms == 0));
    }

    /// Gives a server this replication id.
    pub(super) fn set_replid(&self, server: usize, replid: &str) {
        self.run::<()>("set", (server + 1, "replid", replid));
    }

    /// Sets the clock of a server.
    pub(super) fn set_clock(&self, server: usize, clock_ms: u64) {
        self.run::<()>("set", (server + 1, "clock_ms", clock_ms));
    }

    /// Sets a field of a hash that is there.
    pub(super) fn set_field(&self, server: usize, name: &str, field: &str, value: &str) {
        self.run::<()>("set_field", (server + 1, name, field, value));
    }

    /// All that a server holds: names, fields of hashes, values; and when names end, as a field `until_ms`.
    pub(super) fn stored(&self, server: usize) -> Vec<[String; 3]> {
        self.run("stored", server + 1)
    }

    fn new_replid(&mut self, server: usize) {
        self.replids += 1;
        self.set_replid(server, &format!("{:040x}", self.replids));
    }

    pub(super) fn set_time(&mut self, now_ms: u64) {
        if std::mem::replace(&mut self.now_ms, now_ms) == now_ms {
            return;
        }
        for (at, step_ms) in self.clock_steps_ms.iter().enumerate() {
            self.run::<()>("set", (at + 1, "clock_ms", 1_700_000_000_000 + now_ms + step_ms));
        }
    }

    pub(super) fn is_master(&self, server: usize) -> bool {
        self.masters[server]
    }

    pub(super) fn masters(&self) -> usize {
        self.masters.iter().filter(|master| **master).count()
    }

    /// Calls a function of the library; `None` if this server is no master.
    pub(super) fn call(&self, server: usize, name: &str, keys: &[String], args: &[String]) -> Option<Vec<String>> {
        self.masters[server].then(|| {
            self.run("call", (self.library.clone(), server + 1, functions::function(name), keys.to_vec(), args.to_vec()))
        })
    }

    pub(super) fn flush(&self, server: usize) {
        self.run::<()>("flush", server + 1);
    }

    /// Keeps a snapshot, to restart from.
    pub(super) fn keep(&self, server: usize) {
        self.run::<()>("keep", server + 1);
    }

    /// Restarts a master from its snapshot, or empty if it has none.
    pub(super) fn restart(&mut self, server: usize) {
        self.go_back(server);
        self.new_replid(server);
    }

    /// Holds again what the snapshot has.
    pub(super) fn go_back(&self, server: usize) {
        self.run::<()>("roll_back", server + 1);
    }

    /// Brings the replica of `server` up to date.
    pub(super) fn replicate(&self, server: usize) {
        self.run::<()>("copy", (server + 1, 2 - server));
    }

    /// Makes a replica a master, whatever the other one is.
    pub(super) fn promote(&mut self, server: usize) {
        self.masters[server] = true;
        self.new_replid(server);
    }

    /// Makes a master the replica of the other one.
    pub(super) fn demote(&mut self, server: usize) {
        self.masters[server] = false;
        self.replicate(1 - server);
    }

    /// Sets the clock of a server forward, as an operator or a time service may.
    pub(super) fn step_clock(&mut self, server: usize, ms: u64) {
        self.clock_steps_ms[server] += ms;
        self.now_ms = 0;
    }

    /// Sets the clock of a server back to the true time.
    pub(super) fn set_clock_right(&mut self, server: usize) {
        self.clock_steps_ms[server] = 0;
        self.now_ms = 0;
    }
}
