// QEMU's teaching device on loan: what it is told to copy stays within the memory of its VM, whatever the
// guest tells it.
#include "abi/virtio_transport.hpp"
#include "guests/lib/devices.hpp"
#include "guests/lib/pci.hpp"
#include "guests/lib/virtio_mmio.hpp"

namespace antler::guests {
namespace {

constexpr u32 edu_identity = 0x11e8'1234;
constexpr u64 page = 4096;
constexpr u64 few = 16;  // bytes: each word that is refused is told

// Its registers.
constexpr u32 identification = 0x00, liveness = 0x04;
constexpr u32 asks = 0x24, ask = 0x60, acknowledge = 0x64;  // by its pin
constexpr u32 copy_from = 0x80, copy_to = 0x88, copy_bytes = 0x90, copy_command = 0x98;
constexpr u64 go = 1, to_memory = 2, ask_at_the_end = 4;
constexpr u64 own_buffer = 0x4'0000;

struct Edu {
    PciFunction function;
    u64 base = 0;

    [[nodiscard]] bool is_done() const { return (load<u64>(base + copy_command) & go) == 0; }
    // A tenth of a second each.
    void copy(u64 from, u64 to, u64 bytes, u64 direction) const {
        store<u64>(base + copy_from, from);
        store<u64>(base + copy_to, to);
        store<u64>(base + copy_bytes, bytes);
        store<u64>(base + copy_command, go | direction);
    }
    void fetch(u64 from, u64 bytes) const { copy(from, own_buffer, bytes, 0); }
    void put(u64 to, u64 bytes, u64 more = 0) const { copy(own_buffer, to, bytes, to_memory | more); }
    [[nodiscard]] bool ends() const {
        return within(20'000, [this] { return is_done(); });
    }
};

Edu find_edu() {
    auto const found =
        PciFunction::find([](PciFunction const& function) { return function.identity() == edu_identity; });
    if (!found) give_up("there is no teaching device");
    found->enable();
    return {*found, found->bar(0)};
}

void fill(u64 at, u8 with) {
    for (u64 i = 0; i < page; ++i) store<u8>(at + i, static_cast<u8>(with + i * 7));
}
bool holds(u64 at, u8 with) {
    for (u64 i = 0; i < page; ++i)
        if (load<u8>(at + i) != static_cast<u8>(with + i * 7)) return false;
    return true;
}

// Its pin, at whichever controller: a level, for as long as it asks for anything.
struct Asked {
    Edu edu;
    Wires wires;
    u32 source = 0;
    bool one_by_one = true;  // of several questions, one each time
    std::atomic<u32> times = 0;
    std::atomic<u32> nothing = 0;  // nobody asked, or another one did
};

void answer(Hart&, void* argument) {
    auto& asked = *static_cast<Asked*>(argument);
    auto const source = asked.wires.claim();
    if (source == 0) return;
    auto const what = load<u32>(asked.edu.base + asks);
    if (source == asked.source && what != 0) {
        store<u32>(asked.edu.base + acknowledge, asked.one_by_one ? what & ~(what - 1) : what);
        asked.times.fetch_add(1);
    } else {
        asked.nothing.fetch_add(1);
    }
    asked.wires.complete(source);
}

void check_pin(Edu const& edu, u64 to) {
    constexpr u32 disabled = u32{1} << 10, pending = u32{1} << 19;  // command and status
    auto const source = edu.function.source();
    if (!source) give_up("its pin has no wire");
    // QEMU's PLIC forgets what stays high when it is claimed.
    bool const one_by_one = !told("whole");
    Asked asked{.edu = edu, .wires = Wires{this_hart().id}, .source = *source, .one_by_one = one_by_one};
    on_interrupt(irq::external, answer, &asked);
    asked.wires.open(asked.source);
    csr::sie::set(irq::bit(irq::external));
    interrupts_on();
    u32 wanted = 0;
    bool all = true;
    auto const come = [&](u32 more) {
        wanted += more;
        all = all && within(20'000, [&] { return asked.times >= wanted; });
    };
    for (u32 i = 0; i < 100; ++i) {
        bool const several = i % 4 == 3;
        store<u32>(edu.base + ask, several ? 7 : 1);
        come(several && one_by_one ? 3 : 1);
    }
    check("each question is heard, also of several at once", all);
    edu.put(to, page, ask_at_the_end);
    come(1);
    check("and the end of what it does", all && edu.is_done());
    auto const before = edu.function.read(4) & 0xffff;
    edu.function.write(4, before | disabled);
    store<u32>(edu.base + ask, 1);
    check("it is silent when it is told to be", !within(20, [&] { return asked.times > wanted; }));
    check("though it asks", (edu.function.read(4) & pending) != 0);
    edu.function.write(4, before);
    come(1);
    check("and heard again", all);
    check("it asks for nothing", (edu.function.read(4) & pending) == 0);
    interrupts_off();
    check_equal("nothing else came", asked.times, wanted);
    check_equal("nor nothing", asked.nothing, 0);
    csr::sie::clear(irq::bit(irq::external));
    asked.wires.close(asked.source);
    store<u32>(edu.base + ask, 1);  // and goes on asking
}

// The page is the hypervisor's when this returns.
void give_away(u64 at) {
    auto const balloon = find_virtio(abi::virtio::DeviceId::balloon);
    if (!balloon) give_up("there is no balloon");
    auto const rings = take_pages(1);
    constexpr u64 available = 0x400, used = 0x800, list = 0xc00;
    constexpr u64 version_1 = u64{1} << 32;
    choose_features(balloon->base, version_1);
    open_queue(balloon->base, 0, 4, rings, rings + available, rings + used);
    store<u32>(balloon->base + mmio::status,
               load<u32>(balloon->base + mmio::status) | static_cast<u32>(abi::virtio::status::driver_ok));
    store<u32>(rings + list, static_cast<u32>(at / page));
    store<u64>(rings, rings + list);
    store<u32>(rings + 8, sizeof(u32));
    store<u16>(rings + available + 4, u16{0});
    std::atomic_thread_fence(std::memory_order_seq_cst);
    store<u16>(rings + available + 2, u16{1});
    std::atomic_thread_fence(std::memory_order_seq_cst);
    store<u32>(balloon->base + mmio::notify, 0);
    check("the balloon takes the page", within(5'000, [&] { return load<u16>(rings + used + 2) == 1; }));
}

}  // namespace

void run() {
    auto const edu = find_edu();
    check_equal("it is what it says", load<u32>(edu.base + identification) & 0xff, 0xed);
    store<u32>(edu.base + liveness, 0x1234'5678);
    check_equal("and alive", load<u32>(edu.base + liveness), static_cast<u32>(~0x1234'5678u));
    check("what somebody else told it is over", edu.ends());
    auto const from = take_pages(1), to = take_pages(1);
    fill(from, 3);
    fill(to, 90);
    edu.fetch(from, page);
    check("it fetches a page", edu.ends());
    edu.put(to, page);
    check("it puts a page", edu.ends());
    check("which is the same", holds(to, 3));
    say("edu: at work");

    if (told("mode=pin")) check_pin(edu, to);
    if (told("mode=outside")) {
        // All of the board's memory but what this guest sees there, in steps; what it must not reach.
        for (u64 at = 0x8000'0000 + (u64{number_of("megabytes=")} << 20); at < 0xa000'0000;
             at += 0x200'0000) {
            edu.put(at + 0x3000, few);
            check("it ends", edu.ends());
        }
        edu.put(0x10'1000, few);  // registers of the board, which are a device's of ours here
        check("it ends", edu.ends());
        edu.fetch(u64{1} << 40, few);
        check("it ends", edu.ends());
    }
    if (told("mode=taken")) {
        auto const lost = take_pages(1);
        fill(lost, 5);
        edu.put(lost, page);
        check("it ends", edu.ends());
        check("it reaches the page", holds(lost, 3));
        give_away(lost);
        say("edu: page {:x} is gone", lost);
        edu.put(lost, few);
        check("it ends", edu.ends());
        edu.fetch(lost, few);
        check("it ends", edu.ends());
    }
    if (told("mode=leave")) {
        // Whoever has the memory next is not to find this there.
        edu.put(to, page);
        say("edu: leaves in the middle of it");
        if (told("how=crash")) asm volatile("csrw stvec, zero\n\tunimp");
        if (told("how=wait"))
            for (;;) wait_for_interrupt();
    }
}

}  // namespace antler::guests
