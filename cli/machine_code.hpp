// What a linked image does, as far as a disassembly says: functions, their frames, and who calls whom.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "base/types.hpp"

namespace antler::cli {

struct MachineFunction {
    u64 start = 0;
    std::string name{};
    u64 frame_bytes = 0;
    bool takes_unknown_stack = false;  // as much as a register says
    bool calls_by_pointer = false;
    std::set<u64> goes_to{};                // addresses outside it
    std::vector<std::string> float_code{};  // instructions of F, D and V
    bool unfenced_satp = false;             // satp is given a value, and the instruction before is no fence
};

// By where they start.
using MachineCode = std::map<u64, MachineFunction>;

// Of what `llvm-objdump -d -C --no-show-raw-insn` prints for RISC-V.
[[nodiscard]] MachineCode read_machine_code(std::string const& disassembly);

// The function that an address lies in; none: null.
[[nodiscard]] MachineFunction const* function_at(MachineCode const& code, u64 address);

// The shortest way from a function to one that `wanted` names, not through one that `closed` names; empty:
// none.
template <class Wanted, class Closed>
[[nodiscard]] std::vector<MachineFunction const*> way(MachineCode const& code, MachineFunction const& from,
                                                      Wanted&& wanted, Closed&& closed) {
    std::map<MachineFunction const*, MachineFunction const*> came_from{{&from, nullptr}};
    std::vector<MachineFunction const*> next{&from};
    for (usize i = 0; i < next.size(); ++i) {
        auto const* const here = next[i];
        if (here != &from && wanted(*here)) {
            std::vector<MachineFunction const*> path;
            for (auto const* at = here; at != nullptr; at = came_from[at]) path.insert(path.begin(), at);
            return path;
        }
        if (here != &from && closed(*here)) continue;
        for (auto const target : here->goes_to) {
            auto const* const there = function_at(code, target);
            if (there != nullptr && came_from.emplace(there, here).second) next.push_back(there);
        }
    }
    return {};
}

// How deep the stack gets below each function by direct calls; a cycle counts once.
class StackDepth {
public:
    explicit StackDepth(MachineCode const& code) : code_{code} {}
    [[nodiscard]] u64 below(MachineFunction const& function);

private:
    MachineCode const& code_;
    std::map<MachineFunction const*, u64> known_{};
    std::set<MachineFunction const*> open_{};
};

}  // namespace antler::cli
