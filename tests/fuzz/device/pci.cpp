// A virtio device behind a PCI bridge whose driver may do anything with configuration, registers and rings.
#include "base/panic.hpp"
#include "tests/fake/pci_machine.hpp"
#include "tests/fuzz/input.hpp"

using namespace antler;

extern "C" int LLVMFuzzerTestOneInput(u8 const* data, usize size) {
    using device::Width;
    fuzz::Input input{data, size};
    fake::PciMachine pci;
    pci.enable();
    constexpr Width widths[] = {Width::byte, Width::half, Width::word, Width::doubleword};
    while (!input.empty()) {
        pci.memory.touched = 0;
        pci.sent.clear();
        auto const what = input.take<u8>();
        auto const width = widths[what / 8 % 4];
        auto const aligned = ~(static_cast<u32>(width) - 1);
        switch (what % 8) {
            case 0: static_cast<void>(pci.get(input.take<u8>() & aligned, width)); break;
            case 1: {
                // Its BAR is taken back to where the rest of the input looks for it.
                auto const at = input.take<u8>() & aligned;
                pci.put(at, input.take<u64>(), width);
                if (what / 32 % 2 != 0) pci.enable();
                break;
            }
            case 2: static_cast<void>(pci.load(input.take<u16>() & 0x7fff & aligned, width)); break;
            case 3: {
                auto const at = input.take<u16>() & 0x7fff & aligned;
                pci.store(at, input.take<u64>(), width);
                break;
            }
            case 4: {
                auto const at = input.take<u8>() & 0x3f & aligned;
                pci.store(at, input.take<u32>(), width);
                break;
            }
            case 5: {
                auto const at = input.take<u16>();
                static_cast<void>(pci.memory.write(Gpa{fake::driver_ram + at}, input.some(input.take<u8>())));
                break;
            }
            case 6: pci.store(fake::PciMachine::Card::Layout::notify, 0, Width::half); break;
            default: pci.card.power_on(); break;
        }
        VERIFY(pci.memory.touched < u64{16} << 20);
        VERIFY(pci.sent.size() <= 64 + 2);
    }
    return 0;
}
