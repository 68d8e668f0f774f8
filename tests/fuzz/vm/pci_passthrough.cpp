// A function of the board whose guest may do anything with what it sees of it.
#include "device/pci/host_bridge.hpp"
#include "tests/fake/board_function.hpp"
#include "tests/fuzz/input.hpp"

using namespace antler;

extern "C" int LLVMFuzzerTestOneInput(u8 const* data, usize size) {
    using device::Width;
    constexpr Gpa window_start{0x4000'0000};
    constexpr u32 slot = 3;
    constexpr Width widths[] = {Width::byte, Width::half, Width::word, Width::doubleword};
    fuzz::Input input{data, size};
    fake::LentFunction lent;
    device::pci::HostBridge bridge;
    device::pci::HostBridge::Space space{bridge};
    device::pci::HostBridge::Window window{bridge, window_start};
    bridge.put(slot, lent.shown);
    auto const links = lent.board.configuration[fake::BoardFunction::msix / 4] & 0x7ff'ffff;
    while (!input.empty()) {
        lent.board.written.clear();
        auto const what = input.take<u8>();
        auto const width = widths[what / 8 % 4];
        auto const offset =
            what / 32 % 2 == 0 ? input.take<u16>() & ~(static_cast<u32>(width) - 1) : u32{input.take<u16>()};
        switch (what % 8) {
            case 0: static_cast<void>(space.read((slot << 15) + offset % 8192, width)); break;
            case 1:
                static_cast<void>(space.write((slot << 15) + offset % 8192, width, input.take<u64>()));
                break;
            case 2: static_cast<void>(lent.shown.read_bar(0, offset % 0x4000, width)); break;
            case 3: lent.shown.write_bar(0, offset % 0x4000, width, input.take<u64>()); break;
            case 4: static_cast<void>(space.write((slot << 15) + 4, Width::half, input.take<u8>())); break;
            case 5: {
                auto const at = fake::LentFunction::first + offset % 0x4000;
                static_cast<void>(window.write(at - window_start.raw(), width, input.take<u64>()));
                break;
            }
            case 6: static_cast<void>(window.read(u64{input.take<u32>()} % 0x4000'0000, width)); break;
            default: lent.shown.power_on(); break;
        }
        // Only its command and the control of its messages are written, and of these only the guest's bits.
        for (auto const at : lent.board.written) VERIFY(at == 4 || at == fake::BoardFunction::msix);
        VERIFY((lent.board.configuration[1] & ~u32{4}) == 0x402);
        VERIFY((lent.board.configuration[fake::BoardFunction::msix / 4] & 0x7ff'ffff) == links);
    }
    return 0;
}
