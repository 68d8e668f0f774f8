// The same guests in a Linux with KVM.
#include "cli/bench_kvm.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdio>

#include "cli/bench_boards.hpp"
#include "cli/bench_measure.hpp"
#include "cli/doctor.hpp"
#include "cli/failure.hpp"
#include "cli/kvm_host.hpp"
#include "cli/qemu_session.hpp"
#include "cli/work_directory.hpp"

namespace antler::cli {
namespace {

constexpr std::chrono::minutes patience{20};  // the emulator inside the emulator, on a computer that is busy
constexpr std::size_t shown_of_a_failure = 1000;

class KvmBench {
public:
    KvmBench(std::vector<std::string> const& wanted, std::vector<std::string>& problems)
        : wanted_{wanted}, problems_{problems} {}

    Record run() {
        record_.circumstances = {
            {"command", "./antler bench --part kvm --save"},
            {"cpu", default_cpu},
            {"icount", "shift=0,sleep=off: an instruction of any privilege is a nanosecond"},
            {"linux", KvmHost::kernel() + ", and its kvm.ko with halt_poll_ns=0"},
            {"qemu", required_qemu_version()},
            {"vmm", fmt::format("Debian's qemu-system-riscv {} for riscv64, -accel kvm", KvmHost::qemu())},
            {"kvm", "the guest's board is QEMU's virt with a PLIC; its devices, virtio too, are QEMU's own"},
            {"kvm_aia", "the host has an APLIC and IMSICs, and so has the guest"},
            {"kvm_huge", "the guest's memory is in huge pages that were allocated before (-mem-prealloc)"}};
        for (auto const& one : kvm_runs())
            if (std::ranges::any_of(one.rows, [&](auto row) { return is_wanted(wanted_, row); }))
                measure(one);
        return record_;
    }

private:
    std::string boot(KvmRun const& one) {
        KvmGuests guests{.script = std::string{one.script}};
        for (auto const guest : one.guests) guests.files.emplace_back(guest, guest_elf(std::string{guest}));
        if (one.linux_kernel) {
            guests.files.emplace_back("linux", BenchBoards::kernel());
            guests.files.emplace_back("initramfs", boards_.initramfs());
            guests.files.emplace_back("entry", boards_.padded_entry());
        }
        auto const transcript =
            run_and_record(host_.machine({.harts = one.harts, .aia = one.aia}, guests), patience);
        if (transcript.result.end == SessionEnd::signalled) throw Failure{ExitCode::internal, "Interrupted."};
        if (auto const firmware = parse_boot(transcript.console).firmware)
            record_.circumstances["firmware"] = *firmware;
        return transcript.console;
    }

    void measure(KvmRun const& one) {
        fmt::print(stderr, "antler: bench: {} ({})\n", one.what, one.system);
        auto const console = boot(one);
        std::size_t known = 0;
        auto figures = parse_guest_output(console, one.system);
        if (one.linux_kernel) figures = kvm_boot_figures(console, one.system);
        for (auto figure : figures) {
            if (one.aia) figure.row = kvm_row(figure.row);
            if (std::ranges::find(one.rows, figure.row) == one.rows.end()) continue;
            ++known;
            if (is_wanted(wanted_, figure.row)) record_.figures.push_back(figure);
        }
        if (known != 0) return;
        auto const tail = console.substr(console.size() - std::min(console.size(), shown_of_a_failure));
        problems_.push_back(fmt::format("{} ({}) did not say its figures; its console ended with:\n{}",
                                        one.what, one.system, tail));
    }

    std::vector<std::string> const& wanted_;
    std::vector<std::string>& problems_;
    BlockedSignals blocked_;
    WorkDirectory work_;
    KvmHost host_{work_.path()};
    BenchBoards boards_{work_.path()};
    Record record_;
};

}  // namespace

Record measure_kvm(std::vector<std::string> const& wanted, std::vector<std::string>& problems) {
    return KvmBench{wanted, problems}.run();
}

}  // namespace antler::cli
