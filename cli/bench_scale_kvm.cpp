// What grows with the number of vCPUs under KVM.
#include "cli/bench_scale_kvm.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <optional>
#include <string_view>

#include "cli/bench_boards.hpp"
#include "cli/bench_measure.hpp"
#include "cli/bench_scale.hpp"
#include "cli/doctor.hpp"
#include "cli/failure.hpp"
#include "cli/kvm_host.hpp"
#include "cli/qemu_session.hpp"
#include "cli/work_directory.hpp"

namespace antler::cli {
namespace {

constexpr std::chrono::minutes patience{20};
constexpr std::string_view kvm = "kvm";
constexpr std::array<u32, 4> vcpus{2, 4, 8, 16};
constexpr u32 harts_for_vcpus = 8;

class KvmScale {
public:
    KvmScale(std::vector<std::string> const& wanted, std::vector<std::string>& problems)
        : wanted_{wanted}, problems_{problems} {}

    Record run() {
        record_.circumstances = {
            {"command", "./antler bench --part scale_kvm --save"},
            {"cpu", default_cpu},
            {"icount", "shift=0,sleep=off: an instruction of any privilege is a nanosecond"},
            {"qemu", required_qemu_version()},
            {"vmm", fmt::format("Linux {}, Debian's qemu-system-riscv {} for riscv64, -accel kvm",
                                KvmHost::kernel(), KvmHost::qemu())}};
        if (is_wanted(wanted_, "ipi_vcpus") || is_wanted(wanted_, "hart_start_vcpus"))
            for (auto const count : vcpus) smp(count);
        return record_;
    }

private:
    std::string boot(u32 harts, std::string const& script) {
        KvmGuests const guests{.files = {{"bench", guest_elf("bench")}}, .script = script};
        auto const transcript =
            run_and_record(host_.machine({.harts = harts}, guests), patience, "bench done");
        if (transcript.result.end == SessionEnd::signalled) throw Failure{ExitCode::internal, "Interrupted."};
        return transcript.console;
    }

    void keep(std::string_view curve, u32 at, std::optional<double> value) {
        if (!is_wanted(wanted_, curve)) return;
        if (value)
            record_.figures.push_back({fmt::format("{}/{}", curve, at), std::string{kvm}, *value});
        else
            problems_.push_back(fmt::format("{}/{} ({}) was not said.", curve, at, kvm));
    }

    void smp(u32 count) {
        fmt::print(stderr, "antler: bench: {} vCPUs on {} harts ({})\n", count, harts_for_vcpus, kvm);
        auto const console =
            boot(harts_for_vcpus, fmt::format("qemu-system-riscv64 -accel kvm -M virt -nodefaults -display "
                                              "none -m 256M -smp {0} -kernel /guests/bench -append "
                                              "row=ipi_pingpong -serial stdio </dev/null\n",
                                              count));
        keep("ipi_vcpus", count, number_after(console, "bench ipi_pingpong "));
        keep("hart_start_vcpus", count, number_after(console, "bench hart_start "));
    }

    std::vector<std::string> const& wanted_;
    std::vector<std::string>& problems_;
    BlockedSignals blocked_;
    WorkDirectory work_;
    KvmHost host_{work_.path()};
    Record record_;
};

}  // namespace

Record measure_scale_kvm(std::vector<std::string> const& wanted, std::vector<std::string>& problems) {
    return KvmScale{wanted, problems}.run();
}

}  // namespace antler::cli
