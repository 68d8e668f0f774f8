// What happens when the hypervisor itself is wrong: the others stop, everything known is written down, and
// the board starts again or halts.
#include "base/panic.hpp"

#include "boot/image.hpp"
#include "boot/report.hpp"
#include "boot/system.hpp"
#include "hart/csr.hpp"
#include "hart/fence.hpp"

namespace antler {
namespace boot {
namespace {

constexpr Nanos patience{200'000'000};  // with harts that do not stop
// So many panics that nobody looks at are more than chance: then the board is switched off.
constexpr u32 most_in_a_row = 3;

// A fault and its panic are two.
constexpr u32 most_deaths = 4;

[[noreturn]] void restart(System& all) {
    using namespace abi::sbi;
    all.dump.seal();
    if (all.dump.unread() >= most_in_a_row) end_machine(all, true);
    all.firmware.reset(ResetType::cold_reboot, ResetReason::system_failure);
}

// Who dies first speaks; the others wait.
bool is_first(System& all) {
    u32 nobody = 0;
    auto const mine = hart::this_hart().index + 1;
    return all.dying.compare_exchange_strong(nobody, mine) || nobody == mine;
}

void stop_others(System& all) {
    auto const here = hart::this_hart().index;
    if (!all.harts_run) return;
    for (u32 i = 0; i < all.core_count; ++i)
        if (i != here) all.firmware.send_ipi(all.cores[i]->id);
    auto const end = hart::time() + all.board.timebase.ticks(patience).n;
    for (u32 i = 0; i < all.core_count; ++i)
        while (i != here && !all.cores[i]->stopped.load(std::memory_order_acquire) && hart::time() < end) {
        }
}

void report_harts(System const& all, Emergency& out) {
    for (u32 i = 0; i < all.core_count; ++i) {
        auto const& core = *all.cores[i];
        bool const here = &core == &hart::this_hart();
        print(out, "  hart {}: {}", core.id,
              here                  ? "this one"
              : core.stopped.load() ? "stopped"
                                    : "does not stop");
        if (auto const* const vcpu = core.current; vcpu != nullptr)
            print(out, ", vCPU {} of {} at {:x}", vcpu->id, vcpu->vm.name(), vcpu->pc);
        print(out, "\n");
    }
}

// The lock may be held by a hart that does not run any more.
void report_log(System const& all, Emergency& out) {
    std::array<char, 256> piece{};
    auto const& said = all.log.said;
    auto at = said.written() - std::min<u64>(said.kept(), 4'096);
    out.on_console = false;  // it was there already
    print(out, "the log before:\n");
    while (at < said.written()) {
        auto const read = said.read(at, {reinterpret_cast<u8*>(piece.data()), piece.size()});
        if (read.size == 0) break;
        out.write({piece.data(), read.size});
        at = read.position + read.size;
    }
    out.on_console = true;
}

}  // namespace

bool begin_last_words() {
    auto& all = system();
    if (!is_first(all)) return false;
    // Whoever dies of telling how it dies has said enough.
    if (++all.deaths > most_deaths) restart(all);
    if (!all.panicking.exchange(true)) all.dump.begin();
    return true;
}

void Emergency::write(std::string_view text) const {
    auto& all = system();
    all.dump.append(text);
    if (!on_console) return;
    // A console of its own, so that no lock is waited for.
    Console console;
    console.use(all.firmware);
    if (all.serial) console.use(*all.serial);
    console.flush(all.backlog);  // what was said before
    console.write(text);
}

void find_panic_dump(System& all) {
    if (all.dump.left().empty()) return;
    say("antler: the hypervisor before this one panicked and left {} bytes: `antler panic` shows them\n",
        all.dump.left().size());
}

}  // namespace boot

void panic(std::string_view what, u64 first, u64 second) {
    auto& all = boot::system();
    if (!boot::begin_last_words()) {
        boot::this_boot_core().stopped.store(true, std::memory_order_release);
        for (;;) hart::wait_for_interrupt();
    }
    boot::Emergency out;
    print(out, "\nantler: panic on hart {}: {} ({:x}, {:x})\n", hart::this_hart().id, what, first, second);
    u64 here = 0;
    boot::report_backtrace(reinterpret_cast<u64>(&here));
    all.dump.seal();
    boot::stop_others(all);
    boot::report_harts(all, out);
    boot::report_log(all, out);
    all.dump.seal();
    if (all.options.halt_on_panic) {
        out.write("antler: halted\n");
        for (;;) hart::wait_for_interrupt();
    }
    boot::restart(all);
}

namespace vm {

void stop_if_panicking() {
    if (!boot::system().panicking.load(std::memory_order_relaxed)) return;
    boot::this_boot_core().stopped.store(true, std::memory_order_release);
    for (;;) hart::wait_for_interrupt();
}

}  // namespace vm
}  // namespace antler

// What the tables of classes hold that are never made alone: no call ever gets there.
// NOLINTNEXTLINE(bugprone-reserved-identifier): the name is the compiler's.
extern "C" [[noreturn]] void __cxa_pure_virtual() {
    antler::panic("a function without a body was called");
}
