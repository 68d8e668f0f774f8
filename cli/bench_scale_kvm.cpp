// What grows with the number of VMs and of vCPUs under KVM.
#include "cli/bench_scale_kvm.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <optional>
#include <string_view>

#include "base/units.hpp"
#include "cli/bench_boards.hpp"
#include "cli/bench_kvm.hpp"
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
constexpr std::array<u32, 5> vcpus{1, 2, 4, 8, 16};
constexpr std::array<u32, 4> vms{1, 2, 4, 8};
constexpr u64 board_memory = 4_GiB;

// Each has its memory in large pages that are there before, so that what is missing afterwards is what else a
// VM takes: its QEMU, and what its kernel keeps for it.  To wait costs nothing: nobody runs meanwhile.
constexpr std::string_view many_vms = R"sh(count={}
mkdir /tmp/huge && mount -t hugetlbfs huge /tmp/huge && echo $((count * 8 + 128)) >/proc/sys/vm/nr_hugepages
vm() {{
    kernel=$1 words=$2
    shift 2
    qemu-system-riscv64 -accel kvm -M virt -nodefaults -display none -m ${{memory:-16M}} -mem-prealloc \
        -mem-path /tmp/huge -smp 1 -kernel /guests/$kernel -append "$words" "$@" </dev/null
}}
others() {{
    n=1
    while [ $n -lt $count ]; do vm $1 "$2" -serial null & n=$((n + 1)); done
    sleep $((count * 5))
}}
over() {{ killall qemu-system-riscv64; wait; sleep 1; }}
free() {{ while read -r name size unit; do [ $name = MemFree: ] && echo $size; done </proc/meminfo; }}
)sh";
constexpr std::string_view memory_of_many = R"sh(vm nap rests -serial null & sleep 5
over
before=$(free)
vm nap rests -serial null & others nap rests
sleep 5
echo "memory $(((before - $(free)) / count))"
over
)sh";
constexpr std::string_view wake_beside_many = R"sh(others nap rests
memory=256M vm bench row=wake_1ms -serial stdio
over
)sh";
// The others begin when the one that measures has almost started.  KVM looks out for half a millisecond
// before it gives the hart of one who waits to another; here it gives it at once.
constexpr std::string_view turns_of_many =
    R"sh(echo 0 >/sys/module/kvm/parameters/halt_poll_ns
others pingpong "listens naps={0} after=$((count * 5000 + 3000))"
vm pingpong "talks naps={0} after=6000" -serial stdio
over
)sh";
// Longer than it takes to leave the guest and see that no timer has come, and shorter than a turn.
constexpr u32 ticks_of_a_nap = 20;

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
        if (is_wanted(wanted_, "turn") || is_wanted(wanted_, "wake") || is_wanted(wanted_, "memory"))
            for (auto const count : vms) together(count);
        if (is_wanted(wanted_, "linux_vcpus"))
            for (auto const count : vcpus) linux_boot(count);
        if (is_wanted(wanted_, "ipi_vcpus") || is_wanted(wanted_, "hart_start_vcpus"))
            for (auto const count : vcpus)
                if (count > 1) smp(count);
        return record_;
    }

private:
    static std::string run(QemuMachine const& machine, std::string_view until) {
        auto const transcript = run_and_record(machine, patience, until);
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
        auto const script = fmt::format(
            "qemu-system-riscv64 -accel kvm -M virt -nodefaults -display none -m 256M -smp {} -kernel "
            "/guests/bench "
            "-append row=ipi_pingpong -serial stdio </dev/null\n",
            count);
        auto const console = run(host_.machine({.harts = harts_for_vcpus},
                                               {.files = {{"bench", guest_elf("bench")}}, .script = script}),
                                 "bench done");
        keep("ipi_vcpus", count, number_after(console, "bench ipi_pingpong "));
        keep("hart_start_vcpus", count, number_after(console, "bench hart_start "));
    }

    // On one hart, all of them.
    void together(u32 count) {
        fmt::print(stderr, "antler: bench: {} VMs ({})\n", count, kvm);
        auto script = fmt::format(many_vms, count);
        if (is_wanted(wanted_, "memory")) script += memory_of_many;
        if (is_wanted(wanted_, "wake")) script += wake_beside_many;
        bool const turns = count > 1 && is_wanted(wanted_, "turn");
        if (turns) script += fmt::format(turns_of_many, ticks_of_a_nap);
        KvmGuests guests{.script = script + "echo all said\n"};
        for (auto const* const name : {"nap", "bench", "pingpong"})
            guests.files.emplace_back(name, guest_elf(name));
        auto machine = host_.machine({}, guests);
        machine.memory = board_memory;
        auto const console = run(machine, "all said");
        keep("memory", count, number_after(console, "memory "));
        keep("wake", count, number_after(console, "bench wake_1ms "));
        if (!turns) return;
        auto const round = number_after(console, "bench turn ");
        keep("turn", count, round ? std::optional{*round / count} : std::nullopt);
    }

    void linux_boot(u32 count) {
        fmt::print(stderr, "antler: bench: Linux with {} vCPUs on {} harts ({})\n", count, harts_for_vcpus,
                   kvm);
        auto const script = fmt::format(
            "{}harts={}\nboot entry entry \"$serial\" -serial stdio\n"
            "boot linux linux \"$serial\" -serial stdio\n",
            kvm_boot_function(), count);
        KvmGuests const guests{.files = {{"linux", BenchBoards::kernel()},
                                         {"initramfs", boards_.initramfs()},
                                         {"entry", boards_.padded_entry()}},
                               .script = script};
        auto const console = run(host_.machine({.harts = harts_for_vcpus}, guests), "kvm: over");
        auto const figures = kvm_boot_figures(console, kvm);
        keep("linux_vcpus", count, find(figures, "linux_boot", kvm));
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

Record measure_scale_kvm(std::vector<std::string> const& wanted, std::vector<std::string>& problems) {
    return KvmScale{wanted, problems}.run();
}

}  // namespace antler::cli
