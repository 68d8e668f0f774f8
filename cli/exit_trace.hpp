// QEMU's log of every instruction that the hypervisor executed, cut into exits.
#pragma once

#include <map>
#include <set>
#include <string_view>
#include <utility>
#include <vector>

#include "base/types.hpp"

namespace antler::cli {

// Exits that took the same number of instructions; the path is that of the last of them.
struct ExitShape {
    u64 times = 0;
    std::vector<u64> path;  // where each instruction lies in the image, in order
};

// Where in the image exits begin and end, and what tells one that changes the VM.
struct ExitMarks {
    u64 entry = 0;
    std::set<u64> returns{};   // sret: what comes after it is the guest's
    std::set<u64> switches{};  // writes of hgatp: the hart is in another VM from here on
    std::set<u64> loads{};     // writes of vsscratch: another vCPU's registers come into the hart
    u64 zeroing = ~u64{0};     // the first instruction of what zeroes memory; the others are not written down
};

class ExitTrace {
public:
    // The image lies at `image`.
    ExitTrace(u64 image, ExitMarks marks) : image_{image}, marks_{std::move(marks)} {}

    // A line of `-d exec,int`; other lines are none.
    void line(std::string_view text);

    // By what each shape costs in all, the most expensive first; what is rarer than 2 in 100 exits is left
    // out.
    [[nodiscard]] std::vector<ExitShape> shapes() const;
    [[nodiscard]] u64 exits() const { return exits_; }
    // From the first instruction of a trapped wfi to the sret into a vCPU of another VM, both counted: how
    // many instructions each of them took, in order of time.
    [[nodiscard]] std::vector<usize> const& world_switches() const { return world_switches_; }
    // Exits by another hart's call or a message of the board's, up to the sret: how many instructions.
    [[nodiscard]] std::vector<usize> const& calls() const { return calls_; }

    // Exits by a guest's call that end in another vCPU.
    [[nodiscard]] std::vector<usize> const& wakes() const { return wakes_; }
    // Exits that zeroed memory: how many instructions each took beside that.
    [[nodiscard]] std::vector<usize> const& touches() const { return touches_; }

private:
    // Longer ones are no exits of a guest's everyday life; only their number is kept.
    static constexpr usize longest = 100'000;

    struct Open {
        std::vector<u64> path{};
        bool wait = false;      // it is an exit by wfi
        bool call = false;      // it is an exit by an interrupt of another hart or of the board
        bool ecall = false;     // it is an exit by the guest's call
        bool loaded = false;    // another vCPU's registers
        bool switched = false;  // hgatp was written
        bool zeroed = false;    // memory
        bool over = false;      // the guest runs
    };
    void close(Open& exit);

    u64 image_;
    ExitMarks marks_;
    u64 exits_ = 0;
    bool next_is_wait_ = false;
    bool next_is_call_ = false;
    bool next_is_ecall_ = false;
    std::map<u32, Open> open_;  // of each hart
    std::vector<usize> world_switches_;
    std::vector<usize> calls_;
    std::vector<usize> wakes_;
    std::vector<usize> touches_;
    std::map<usize, ExitShape> shapes_;
};

}  // namespace antler::cli
