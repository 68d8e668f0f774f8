// Any bytes as a pack: refused, or believed only as far as they stay inside.
#include <cstdlib>
#include <vector>

#include "abi/pack.hpp"
#include "control/pack_reader.hpp"
#include "tests/fake/described.hpp"

extern "C" int LLVMFuzzerTestOneInput(antler::u8 const* data, antler::usize size) {
    using namespace antler;
    constexpr Hpa where{0x9000'0000};
    std::vector<u8> const bytes{data, data + size};  // so that a byte too far is seen
    auto const opened = control::Pack::open(bytes, where);
    if (!opened) return 0;
    auto const& pack = opened.value();
    static_cast<void>(pack.options());
    HpaRange const whole{where, bytes.size()};
    for (u32 index = 0; index < pack.vm_count(); ++index) {
        auto const described = fake::described(pack, index);
        if (!described) continue;
        auto const& vm = described.value();
        GpaRange const ram{abi::pack::ram_base, vm.memory_bytes};
        auto const inside = [&](vm::Segment const& segment) {
            return whole.contains(segment.file.start, segment.file.size) &&
                   ram.contains(segment.at, segment.memory_bytes) &&
                   segment.file.size <= segment.memory_bytes;
        };
        bool fine = vm.vcpus >= 1 && vm.vcpus <= abi::pack::most_vcpus &&
                    ram.contains(vm.device_tree, abi::pack::dtb_room);
        for (usize i = 0; i < vm.segment_count; ++i) fine = fine && inside(vm.segments[i]);
        if (vm.initrd.memory_bytes != 0) fine = fine && inside(vm.initrd);
        if (!fine) std::abort();
    }
    return 0;
}
