// Why a Linux that boots leaves its mode, counted until the first system call of a program.
#pragma once

#include <array>
#include <map>
#include <span>
#include <string>
#include <string_view>

#include "base/types.hpp"
#include "cli/bench_data.hpp"

namespace antler::cli {

struct ExitReason {
    std::string_view name;
    std::string_view what;
};
[[nodiscard]] std::span<ExitReason const> exit_reasons();

// Reads QEMU's log (`-d exec,cpu,int`) of the hypervisor's first instruction, with the registers there, and
// of all traps.
class ExitCount {
public:
    // The program begins at `program`, and is a short one; others that the kernel calls before lie elsewhere.
    explicit ExitCount(u64 program) : program_{program} {}

    void line(std::string_view text);
    // What is still open; there are no more lines.
    void finish();

    [[nodiscard]] u64 all() const;
    [[nodiscard]] std::map<std::string_view, u64> const& by_reason() const { return by_reason_; }
    // A program has begun.
    [[nodiscard]] bool ended() const { return ended_; }

private:
    [[nodiscard]] std::string_view reason() const;

    u64 program_;
    bool open_ = false;   // an entry, of which registers follow
    bool ended_ = false;  // the boot
    std::map<std::string, u64, std::less<>> registers_;
    std::map<std::string_view, u64> by_reason_;
};

// The row of one reason why the boot of another row was left.
[[nodiscard]] std::string row_of_reason(std::string_view row, std::string_view name);
// The table of them, of the figures that there are.
[[nodiscard]] std::string exits_section(Figures const& figures);

}  // namespace antler::cli
