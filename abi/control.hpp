// What an operator and the hypervisor say to each other: requests, their replies and items, and events.
//
// A request gets one reply of its type and sequence, which begins with a Reply; where that says `ok`, the
// fields named here follow.  A request that lists gets, before that reply, any number of frames with the flag
// `more`, its sequence, and the type of an item.  docs/control-protocol.md has the whole story.
#pragma once

#include "abi/control_frame.hpp"
#include "abi/control_wire.hpp"

namespace antler::abi::control {

inline constexpr u16 protocol_version = 1;
// The first line; the others have a dot and a number behind it.  Each is one operator's at a time.
inline constexpr std::string_view port_name = "org.antler.control";
inline constexpr u32 most_lines = 4;

enum class Type : u16 {
    // requests: what is asked → what the reply holds, and which items come before
    hello = 0x100,         // Hello → Welcome
    host_info,             // Nothing → HostInfo; HartInfo and IommuInfo items
    list,                  // Nothing → Nothing; VmInfo items
    vm_info,               // VmName → VmInfo; VcpuInfo items
    vm_statistics,         // VmName → VmStatistics; VcpuStatistics and DeviceCounter items
    subscribe,             // Subscribe → Nothing
    read_panic_dump,       // ReadPanicDump → PanicDump
    erase_panic_dump,      // Nothing → Nothing
    panic,                 // Nothing → nobody answers: shows what a panic leaves
    stall,                 // Stall → Nothing: a hart serves nothing for a while, and another one says so
    start = 0x120,         // VmName → Nothing
    shutdown,              // VmName → Nothing: asks the guest
    destroy,               // VmName → Nothing: pulls the plug
    reboot,                // VmName → Nothing
    suspend,               // VmName → Nothing
    resume,                // VmName → Nothing
    undefine,              // VmName → Nothing: gives back what a VM that is off still has
    power_button,          // VmName → Nothing: presses the button, without asking for an end
    pin_vcpu,              // PinVcpu → Nothing
    set_share,             // SetShare → Nothing
    set_memory,            // SetMemory → Nothing
    set_link,              // SetLink → Nothing: the cable of a network card
    create_begin = 0x140,  // CreateBegin → CreateReady
    create_data,           // CreateData → CreateProgress
    create_commit,         // CreateCommit → VmInfo
    create_abort,          // Transfer → Nothing
    console_list = 0x160,  // VmName → Nothing; ConsoleInfo items
    console_open,          // ConsoleOpen → ConsoleOpened; output comes as events
    console_close,         // ConsoleHandle → Nothing
    console_input,         // ConsoleInput → Accepted
    console_own,           // ConsoleOwn → Nothing
    console_resize,        // ConsoleResize → Nothing
    console_window,        // ConsoleWindow → Nothing
    vsock_listen = 0x180,  // VsockListen → Nothing
    vsock_connect,         // VsockConnect → VsockOpened, once the guest has answered
    vsock_accept,          // VsockAccept → Nothing
    vsock_data,            // VsockData → Accepted
    vsock_credit,          // VsockCredit → Nothing: room for so many more bytes towards the client
    vsock_close,           // VsockStream → Nothing: what was sent before still arrives
    vsock_finish,          // VsockStream → Nothing: the client sends nothing more
    // items
    item_vm = 0x200,
    item_vcpu,
    item_vcpu_statistics,
    item_device_counter,
    item_hart,
    item_console,
    item_iommu,
    // events
    event_console_output = 0x300,  // ConsoleOutput
    event_vm_state,                // VmStateChanged
    event_create_progress,         // CreateProgress
    event_hart_stuck,              // HartStuck
    event_log,                     // LogLine
    event_lost,                    // EventsLost
    event_console_owner,           // ConsoleOwner
    event_vsock_incoming,          // VsockIncoming
    event_vsock_data,              // VsockData
    event_vsock_credit,            // VsockCredit: so many more bytes may be sent to the guest
    event_vsock_closed,            // VsockClosed
    event_vsock_finished,          // VsockStream: the guest sends nothing more
};

enum class Status : u16 {
    ok,
    bad_request,      // the payload is not what the type says
    unknown_request,  // a type that this hypervisor does not know
    no_such_vm,
    bad_state,  // not while the VM is as it is
    already_exists,
    no_memory,
    invalid,    // a value that cannot be
    not_owner,  // of the console
    busy,       // nothing was done; ask again
    not_supported,
    not_found,  // a console, handle, transfer or stream that is not there
    failed,
    count,
};

[[nodiscard]] constexpr std::string_view describe(Status status) {
    constexpr std::array<std::string_view, static_cast<usize>(Status::count)> words{
        "ok",         "bad request",   "unknown request",
        "no such VM", "wrong state",   "already exists",
        "no memory",  "invalid",       "another owns the console",
        "busy",       "not supported", "not found",
        "failed"};
    auto const index = static_cast<usize>(status);
    return index < words.size() ? words[index] : "unknown status";
}

// The beginning of every reply.  The sentence says what went wrong, for people; empty where nothing did.
struct Reply {
    Status status{};
    std::string_view sentence{};
    constexpr void fields(this auto& self, auto& v) { v(self.status, self.sentence); }
};

struct Nothing {
    constexpr void fields(this auto&, auto&) {}
};

// A reply with what follows it.
template <class Body>
struct ReplyWith {
    Reply reply{};
    Body body{};
    constexpr void fields(this auto& self, auto& v) {
        self.reply.fields(v);
        self.body.fields(v);
    }
};

// --- who we are ---

struct Hello {
    u16 oldest = protocol_version;  // that the client speaks
    u16 newest = protocol_version;
    std::string_view client{};  // for the log
    constexpr void fields(this auto& self, auto& v) { v(self.oldest, self.newest, self.client); }
};
struct Welcome {
    u16 protocol{};  // spoken from now on
    u16 largest_payload{};
    u64 instance{};  // drawn at random when the hypervisor started
    std::string_view version{};
    constexpr void fields(this auto& self, auto& v) {
        v(self.protocol, self.largest_payload, self.instance, self.version);
    }
};

struct HostInfo {
    u32 harts{};
    u32 vms{};
    u64 memory{};      // bytes of RAM, and how they are used
    u64 house_used{};  // by the hypervisor, for itself and for VMs
    u64 house_free{};
    u64 guest_used{};
    u64 guest_free{};
    u64 uptime{};      // nanoseconds
    u64 wall_clock{};  // nanoseconds since 1970
    u64 timebase{};    // hertz
    u32 panic_dump{};  // bytes of a dump that waits to be read; 0: none
    u32 garbage{};     // bytes on this channel that belonged to no frame
    std::string_view version{};
    std::string_view firmware{};
    std::string_view isa{};
    constexpr void fields(this auto& self, auto& v) {
        v(self.harts, self.vms, self.memory, self.house_used, self.house_free, self.guest_used,
          self.guest_free, self.uptime, self.wall_clock, self.timebase, self.panic_dump, self.garbage,
          self.version, self.firmware, self.isa);
    }
};
struct HartInfo {
    u32 index{};
    u64 id{};    // as the board numbers it
    u64 busy{};  // nanoseconds
    u64 idle{};
    u64 heartbeat{};             // nanoseconds since the last
    u32 vcpus{};                 // whose home it is
    std::string_view running{};  // the VM
    u64 interrupts{};            // of the board's devices, that it served
    u64 calls{};                 // of other harts, that came as messages
    u64 polls{};                 // how often it asked devices that do not interrupt
    constexpr void fields(this auto& self, auto& v) {
        v(self.index, self.id, self.busy, self.idle, self.heartbeat, self.vcpus, self.running,
          self.interrupts, self.calls, self.polls);
    }
};

struct IommuInfo {
    u32 index{};
    std::string_view kind{};   // how it was found: "iommu-sys" or "iommu-pci"
    u32 version{};             // 0x10 is 1.0
    u32 levels{};              // of its directory; 0: it cannot be used, and refuses all of its devices
    std::string_view tells{};  // of faults by: "wire", "message", "nothing"
    u32 devices{};             // that it lets reach memory
    u64 commands{};            // that it was told
    u64 faults{};              // that it reported
    u32 redirects{};           // messages: 0, 1 to files of guests, 2 and into memory
    u64 stored{};   // messages that came into memory, for guests whose vCPU had no file; of all IOMMUs
    u64 notices{};  // that told of them
    constexpr void fields(this auto& self, auto& v) {
        v(self.index, self.kind, self.version, self.levels, self.tells, self.devices, self.commands,
          self.faults, self.redirects, self.stored, self.notices);
    }
};

// --- virtual machines ---

struct VmName {
    std::string_view vm{};
    constexpr void fields(this auto& self, auto& v) { v(self.vm); }
};

enum class VmState : u8 { off, starting, running, suspended, stopping, crashed, undefined, count };

[[nodiscard]] constexpr std::string_view describe(VmState state) {
    constexpr std::array<std::string_view, static_cast<usize>(VmState::count)> words{
        "off", "starting", "running", "suspended", "stopping", "crashed", "undefined"};
    auto const index = static_cast<usize>(state);
    return index < words.size() ? words[index] : "unknown";
}

enum class AfterEnd : u8 { destroy, restart, preserve };

struct VmInfo {
    u32 id{};
    VmState state{};
    std::string_view name{};
    u32 vcpus{};
    u64 memory{};          // bytes that it was given
    u64 memory_present{};  // of them, that are there now
    u64 overhead{};        // bytes of the house that it is charged for, but for its pack
    u64 uptime{};          // nanoseconds of this life
    u64 run_time{};        // nanoseconds on harts, all vCPUs of this life
    u32 starts{};          // lives so far
    u32 weight{};
    u32 cap{};  // percent of one hart; 0: none
    u16 consoles{};
    AfterEnd on_poweroff{};
    AfterEnd on_reboot{};
    AfterEnd on_crash{};
    u64 vsock_cid{};                // 0: none
    std::string_view last_words{};  // why it ended last
    u64 pack{};                     // bytes of the pack it was created from, kept for its next start
    constexpr void fields(this auto& self, auto& v) {
        v(self.id, self.state, self.name, self.vcpus, self.memory, self.memory_present, self.overhead,
          self.uptime, self.run_time, self.starts, self.weight, self.cap, self.consoles, self.on_poweroff,
          self.on_reboot, self.on_crash, self.vsock_cid, self.last_words, self.pack);
    }
};

enum class VcpuState : u8 { off, queued, running, waiting, suspended, count };

[[nodiscard]] constexpr std::string_view describe(VcpuState state) {
    constexpr std::array<std::string_view, static_cast<usize>(VcpuState::count)> words{
        "off", "queued", "running", "waiting", "suspended"};
    auto const index = static_cast<usize>(state);
    return index < words.size() ? words[index] : "unknown";
}

struct VcpuInfo {
    u32 index{};
    VcpuState state{};
    u32 hart{};      // its home, by index
    u64 affinity{};  // harts it may run on, a bit for each index
    u8 dedicated{};
    u64 pc{};  // where it was when it last left its hart
    constexpr void fields(this auto& self, auto& v) {
        v(self.index, self.state, self.hart, self.affinity, self.dedicated, self.pc);
    }
};

struct VmStatistics {
    u64 taken_at{};  // nanoseconds since the hypervisor started
    u64 run_time{};  // nanoseconds, all vCPUs
    u64 steal_time{};
    u64 wait_time{};
    u64 memory{};
    u64 memory_present{};
    u64 overhead{};
    u64 balloon{};  // bytes that the guest has given back
    constexpr void fields(this auto& self, auto& v) {
        v(self.taken_at, self.run_time, self.steal_time, self.wait_time, self.memory, self.memory_present,
          self.overhead, self.balloon);
    }
};

// Why a guest left its mode; the order of vm::ExitKind, which may grow at its end.
inline constexpr std::array<std::string_view, 12> exit_names{
    "sbi", "mmio", "demand", "virtual_instruction", "interrupt", "reflected", "wait", "", "", "", "", ""};

struct VcpuStatistics {
    u32 index{};
    u64 run_time{};    // nanoseconds on a hart
    u64 steal_time{};  // runnable, and somebody else ran
    u64 wait_time{};   // it had nothing to do
    u64 migrations{};
    std::array<u64, exit_names.size()> exits{};
    constexpr void fields(this auto& self, auto& v) {
        v(self.index, self.run_time, self.steal_time, self.wait_time, self.migrations, self.exits);
    }
};
struct DeviceCounter {
    std::string_view device{};   // "disk0", "net0", "console0", …
    std::string_view counter{};  // "read_bytes", "kicks", …
    u64 value{};
    constexpr void fields(this auto& self, auto& v) { v(self.device, self.counter, self.value); }
};

inline constexpr u32 every_vcpu = ~u32{0};

struct PinVcpu {
    std::string_view vm{};
    u32 vcpu{};   // or every_vcpu
    u64 harts{};  // a bit for each index
    constexpr void fields(this auto& self, auto& v) { v(self.vm, self.vcpu, self.harts); }
};
struct SetShare {
    std::string_view vm{};
    u32 weight{};  // 0: as it is
    u32 cap{};     // percent of one hart; 0: none; ~0: as it is
    constexpr void fields(this auto& self, auto& v) { v(self.vm, self.weight, self.cap); }
};
struct SetMemory {
    std::string_view vm{};
    u64 bytes{};  // at most what it was given at first
    constexpr void fields(this auto& self, auto& v) { v(self.vm, self.bytes); }
};

struct SetLink {
    std::string_view vm{};
    u32 card{};  // among its network cards
    bool up{};
    constexpr void fields(this auto& self, auto& v) { v(self.vm, self.card, self.up); }
};

// --- a new VM at run time: a pack with one VM, in pieces ---

struct CreateBegin {
    u64 bytes{};  // of the pack
    constexpr void fields(this auto& self, auto& v) { v(self.bytes); }
};
struct CreateReady {
    u32 transfer{};
    u32 piece{};   // bytes in one CreateData, at most
    u32 window{};  // bytes that may be on their way without an answer
    constexpr void fields(this auto& self, auto& v) { v(self.transfer, self.piece, self.window); }
};
struct CreateData {
    u32 transfer{};
    u64 offset{};  // where the last piece ended
    Bytes bytes{};
    constexpr void fields(this auto& self, auto& v) { v(self.transfer, self.offset, self.bytes); }
};
struct CreateProgress {
    u32 transfer{};
    u64 received{};  // the next offset
    u64 total{};
    constexpr void fields(this auto& self, auto& v) { v(self.transfer, self.received, self.total); }
};
struct CreateCommit {
    u32 transfer{};
    bool start{};  // and let it run
    constexpr void fields(this auto& self, auto& v) { v(self.transfer, self.start); }
};
struct Transfer {
    u32 transfer{};
    constexpr void fields(this auto& self, auto& v) { v(self.transfer); }
};

// --- consoles; the VM with the empty name is the hypervisor, whose console 0 is its log ---

enum class ConsoleKind : u8 { serial, sbi, virtio, log };

struct ConsoleInfo {
    u32 index{};
    ConsoleKind kind{};
    std::string_view label{};
    u32 ring{};      // bytes of scroll-back it can keep
    u32 kept{};      // that it keeps
    u64 written{};   // by the guest, ever
    u64 accepted{};  // input, ever
    bool ours{};     // this channel owns its input
    bool owned{};    // somebody does
    constexpr void fields(this auto& self, auto& v) {
        v(self.index, self.kind, self.label, self.ring, self.kept, self.written, self.accepted, self.ours,
          self.owned);
    }
};
struct ConsoleOpen {
    std::string_view vm{};
    u32 console{};
    u32 history{};  // bytes of scroll-back to begin with, at most
    bool own{};     // take its input, whoever has it
    constexpr void fields(this auto& self, auto& v) { v(self.vm, self.console, self.history, self.own); }
};
struct ConsoleOpened {
    u32 handle{};
    u64 position{};  // of the first byte that will come
    u32 ring{};
    bool ours{};
    constexpr void fields(this auto& self, auto& v) { v(self.handle, self.position, self.ring, self.ours); }
};
struct ConsoleHandle {
    u32 handle{};
    constexpr void fields(this auto& self, auto& v) { v(self.handle); }
};
struct ConsoleInput {
    u32 handle{};
    Bytes bytes{};
    constexpr void fields(this auto& self, auto& v) { v(self.handle, self.bytes); }
};
// The rest of the bytes was not taken: send it again a little later.
struct Accepted {
    u32 bytes{};
    constexpr void fields(this auto& self, auto& v) { v(self.bytes); }
};
struct ConsoleOwn {
    u32 handle{};
    bool take{};  // or give up
    constexpr void fields(this auto& self, auto& v) { v(self.handle, self.take); }
};
struct ConsoleResize {
    std::string_view vm{};
    u32 console{};
    u32 bytes{};  // of scroll-back
    constexpr void fields(this auto& self, auto& v) { v(self.vm, self.console, self.bytes); }
};
// How large the terminal is where the client shows a console whose input is its own.
struct ConsoleWindow {
    u32 handle{};
    u16 columns{};
    u16 rows{};
    constexpr void fields(this auto& self, auto& v) { v(self.handle, self.columns, self.rows); }
};

// --- the hypervisor's last words before a reset ---

struct ReadPanicDump {
    u32 offset{};
    constexpr void fields(this auto& self, auto& v) { v(self.offset); }
};
struct PanicDump {
    u32 total{};
    Bytes bytes{};  // text, from the offset asked for
    constexpr void fields(this auto& self, auto& v) { v(self.total, self.bytes); }
};

// --- streams between the host and a guest ---

inline constexpr u32 every_port = ~u32{0};

struct VsockListen {
    u32 port{};  // guests connect to it at CID 2; or every_port
    bool on{};
    constexpr void fields(this auto& self, auto& v) { v(self.port, self.on); }
};
struct VsockConnect {
    std::string_view vm{};
    u32 port{};
    u32 room{};  // bytes that the client takes at first
    constexpr void fields(this auto& self, auto& v) { v(self.vm, self.port, self.room); }
};
struct VsockOpened {
    u32 stream{};
    u32 room{};  // bytes that may be sent to the guest at first
    u32 port{};  // of the host's end
    constexpr void fields(this auto& self, auto& v) { v(self.stream, self.room, self.port); }
};
struct VsockStream {
    u32 stream{};
    constexpr void fields(this auto& self, auto& v) { v(self.stream); }
};
struct VsockAccept {
    u32 stream{};
    u32 room{};  // bytes that the client takes at first
    constexpr void fields(this auto& self, auto& v) { v(self.stream, self.room); }
};
struct VsockData {
    u32 stream{};
    Bytes bytes{};
    constexpr void fields(this auto& self, auto& v) { v(self.stream, self.bytes); }
};
struct VsockCredit {
    u32 stream{};
    u32 bytes{};
    constexpr void fields(this auto& self, auto& v) { v(self.stream, self.bytes); }
};

// --- events ---

namespace topic {  // bits of Subscribe::topics
inline constexpr u32 vm_state = 1 << 0;
inline constexpr u32 create_progress = 1 << 1;
inline constexpr u32 harts = 1 << 2;
inline constexpr u32 log = 1 << 3;
inline constexpr u32 everything = ~u32{0};
}  // namespace topic

struct Subscribe {
    u32 topics{};  // in place of those before
    constexpr void fields(this auto& self, auto& v) { v(self.topics); }
};
// `position` counts all bytes that the console ever said: where it is not the end of the event before,
// bytes between were lost, because this channel was too slow for them.
struct ConsoleOutput {
    u32 handle{};
    u64 position{};
    Bytes bytes{};
    constexpr void fields(this auto& self, auto& v) { v(self.handle, self.position, self.bytes); }
};
struct ConsoleOwner {
    u32 handle{};
    bool ours{};
    constexpr void fields(this auto& self, auto& v) { v(self.handle, self.ours); }
};
struct VmStateChanged {
    u32 id{};
    VmState before{};
    VmState now{};
    std::string_view name{};
    std::string_view sentence{};  // why
    constexpr void fields(this auto& self, auto& v) {
        v(self.id, self.before, self.now, self.name, self.sentence);
    }
};
struct Stall {
    u32 hart{};          // its index
    u32 milliseconds{};  // most_stall at most
    constexpr void fields(this auto& self, auto& v) { v(self.hart, self.milliseconds); }
};
inline constexpr u32 most_stall = 10'000;

struct HartStuck {
    u32 index{};
    u64 id{};
    u64 silent{};  // nanoseconds without a heartbeat
    u64 pc{};      // where its guest was seen last
    std::string_view vm{};
    u64 own_pc{};  // where it is itself, and who called that last, as offsets in the image; 0: not known
    u64 own_caller{};
    constexpr void fields(this auto& self, auto& v) {
        v(self.index, self.id, self.silent, self.pc, self.vm, self.own_pc, self.own_caller);
    }
};
struct LogLine {
    u64 at{};  // nanoseconds since the hypervisor started
    std::string_view text{};
    constexpr void fields(this auto& self, auto& v) { v(self.at, self.text); }
};
struct EventsLost {
    u32 count{};  // that were not sent, because this channel was too slow
    constexpr void fields(this auto& self, auto& v) { v(self.count); }
};
struct VsockIncoming {
    u32 stream{};  // to accept or to close
    u64 cid{};
    u32 guest_port{};
    u32 port{};
    std::string_view vm{};
    u32 room{};  // bytes that may be sent to the guest once it was accepted
    constexpr void fields(this auto& self, auto& v) {
        v(self.stream, self.cid, self.guest_port, self.port, self.vm, self.room);
    }
};
struct VsockClosed {
    u32 stream{};
    bool refused{};
    constexpr void fields(this auto& self, auto& v) { v(self.stream, self.refused); }
};

}  // namespace antler::abi::control
