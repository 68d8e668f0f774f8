// A driver of an NVMe controller: the queues, and commands of one page each.
#pragma once

#include <optional>

#include "guests/lib/guest.hpp"
#include "guests/lib/pci.hpp"

namespace antler::guests::nvme {

enum class Opcode : u8 { write = 1, read = 2 };

struct Command {
    u32 opcode = 0;  // and the identifier above
    u32 name_space = 0;
    std::array<u32, 4> unused{};
    u64 data = 0;
    u64 more_data = 0;
    std::array<u32, 6> words{};  // 10 to 15
};
static_assert(sizeof(Command) == 64);

struct Completion {
    u32 result = 0;
    u32 unused = 0;
    u16 head = 0;
    u16 queue = 0;
    u16 command = 0;
    u16 status = 0;  // bit 0 is the phase
};
static_assert(sizeof(Completion) == 16);

// A pair of rings of a page each; belongs to one hart.
class Queue {
public:
    static constexpr u32 entries = 64;

    void open(u64 doorbells, u32 stride, u32 number) {
        commands_ = take_pages(1);
        completions_ = take_pages(1);
        for (u64 at = 0; at < page_bytes; at += 8) store<u64>(completions_ + at, 0);
        tail_bell_ = doorbells + u64{2} * number * stride;
        head_bell_ = tail_bell_ + stride;
    }
    [[nodiscard]] u64 commands() const { return commands_; }
    [[nodiscard]] u64 completions() const { return completions_; }

    void put(Command const& command) {
        *reinterpret_cast<Command*>(commands_ + u64{tail_} * sizeof command) = command;
        tail_ = (tail_ + 1) % entries;
    }
    void tell() const {
        std::atomic_thread_fence(std::memory_order_seq_cst);
        store<u32>(tail_bell_, tail_);
    }
    // The next that has ended, if one has.
    [[nodiscard]] std::optional<Completion> take() {
        auto const at = completions_ + u64{head_} * sizeof(Completion);
        auto const status = load<u16>(at + 14);
        if ((status & 1) != phase_) return std::nullopt;
        std::atomic_thread_fence(std::memory_order_seq_cst);
        Completion found{.command = load<u16>(at + 12), .status = static_cast<u16>(status >> 1)};
        if (++head_ == entries) {
            head_ = 0;
            phase_ ^= 1;
        }
        return found;
    }
    void tell_taken() const { store<u32>(head_bell_, head_); }

private:
    u64 commands_ = 0, completions_ = 0;
    u64 tail_bell_ = 0, head_bell_ = 0;
    u32 tail_ = 0, head_ = 0;
    u16 phase_ = 1;
};

class Controller {
public:
    explicit Controller(PciFunction const& function) : base_{function.bar(0)} {
        constexpr u32 four_dwords = 4;
        stride_ = four_dwords << (load<u64>(base_) >> 32 & 0xf);
        restart();
    }

    // A pair of I/O queues that interrupts by this vector.
    void open(Queue& queue, u32 number, u32 vector) {
        queue.open(base_ + doorbells, stride_, number);
        constexpr u32 contiguous = 1, interrupts = 2;
        constexpr u32 create_completions = 5, create_commands = 1;
        u32 const size = (Queue::entries - 1) << 16 | number;
        ask({.opcode = create_completions,
             .data = queue.completions(),
             .words = {size, vector << 16 | interrupts | contiguous}});
        ask({.opcode = create_commands,
             .data = queue.commands(),
             .words = {size, number << 16 | contiguous}});
    }

    // What it says of itself comes to this page, where it may write there; it says that it is done in any
    // case.
    void identify(u64 page) {
        constexpr u32 opcode = 6, controller = 1;
        (void)answer_to({.opcode = opcode, .data = page, .words = {controller}});
    }
    static constexpr u64 serial_number = 4;  // in that page

    // One page from or to this block of 512 bytes.
    [[nodiscard]] static Command page(Opcode opcode, u16 identifier, u64 block, u64 data) {
        constexpr u32 blocks = page_bytes / 512;
        return {.opcode = static_cast<u32>(opcode) | u32{identifier} << 16,
                .name_space = 1,
                .data = data,
                .words = {static_cast<u32>(block), static_cast<u32>(block >> 32), blocks - 1}};
    }

private:
    static constexpr u32 configuration = 0x14, status = 0x1c, admin_sizes = 0x24, admin_commands = 0x28,
                         admin_completions = 0x30, doorbells = 0x1000;

    void restart() {
        constexpr u64 patience = 20'000;
        constexpr u32 enabled_entries_of_64_and_16 = 0x46'0001;
        store<u32>(base_ + configuration, 0);
        if (!within(patience, [&] { return (load<u32>(base_ + status) & 1) == 0; }))
            give_up("the controller does not stop");
        admin_.open(base_ + doorbells, stride_, 0);
        store<u32>(base_ + admin_sizes, (Queue::entries - 1) << 16 | (Queue::entries - 1));
        store<u64>(base_ + admin_commands, admin_.commands());
        store<u64>(base_ + admin_completions, admin_.completions());
        store<u32>(base_ + configuration, enabled_entries_of_64_and_16);
        if (!within(patience, [&] { return (load<u32>(base_ + status) & 1) == 1; }))
            give_up("the controller does not start");
    }
    void ask(Command const& command) {
        if (answer_to(command) != 0) give_up("the controller refuses a command");
    }
    // One at a time, looked at until it has ended.
    u16 answer_to(Command const& command) {
        constexpr u64 patience = 20'000;
        admin_.put(command);
        admin_.tell();
        std::optional<Completion> ended;
        if (!within(patience, [&] { return (ended = admin_.take()).has_value(); }))
            give_up("the controller does not answer");
        admin_.tell_taken();
        return ended->status;
    }

    u64 base_;
    u32 stride_ = 4;
    Queue admin_{};
};

}  // namespace antler::guests::nvme
