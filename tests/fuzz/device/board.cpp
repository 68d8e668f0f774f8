// Any tree of a board is understood or refused.
#include "platform/board.hpp"

#include <cstdlib>
#include <memory>
#include <vector>

#include "platform/board.cpp"
#include "platform/board_pci.cpp"  // platform/ as a whole needs a RISC-V machine; this file does not

using namespace antler;

extern "C" int LLVMFuzzerTestOneInput(u8 const* data, usize size) {
    std::vector<u8> const copy(data, data + size);
    auto const tree = abi::FdtReader::open(copy);
    if (!tree) return 0;
    auto const board = std::make_unique<platform::Board>();
    if (!platform::read_board(tree.value(), *board)) return 0;
    auto const require = [](bool condition) {
        if (!condition) std::abort();
    };
    for (auto const& bank : board->memory) require(bank.size != 0 && !bank.wraps());
    for (auto const& range : board->reserved) require(range.size != 0 && !range.wraps());
    for (auto const& hart : board->harts) static_cast<void>(hart.features());
    if (board->uart) require(board->uart->registers.size >= 8 && !board->uart->registers.wraps());
    return 0;
}
