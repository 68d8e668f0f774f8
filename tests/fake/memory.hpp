// The RAM of a board that is not there: banks of host memory behind memory/'s names, and a record of what was
// asked.
#pragma once

#include <functional>
#include <optional>
#include <vector>

#include "base/address.hpp"
#include "isa/walk.hpp"
#include "memory/frames.hpp"
#include "memory/observers.hpp"
#include "memory/physical.hpp"

namespace antler::fake {

// One at a time; memory/'s functions find the one that exists.  Banks are only reserved, so large ones are
// cheap.
class Memory {
public:
    explicit Memory(std::vector<HpaRange> banks);
    ~Memory();
    Memory(Memory const&) = delete;
    Memory& operator=(Memory const&) = delete;
    [[nodiscard]] static Memory& current();

    [[nodiscard]] std::vector<HpaRange> banks() const;
    // Null where there is no RAM.
    [[nodiscard]] u8* find(Hpa at, u64 bytes = 1);
    [[nodiscard]] u8* at(Hpa at, u64 bytes = 1);  // ends the test where there is none
    [[nodiscard]] Hpa address_of(void const* at) const;

    // isa::PhysicalReader.
    [[nodiscard]] std::optional<u32> read32(Hpa at);
    [[nodiscard]] std::optional<u64> read64(Hpa at);

    // What the tests may want to do or know at each of memory/'s questions.  Unset: nothing happens.
    std::function<void(Hpa)> on_view{};  // before each look at a house page
    std::function<void(memory::Hva)> on_fence_page{};
    std::function<void()> on_fence_windows{};
    std::function<void(memory::HvaRange)> on_flush_house{};
    std::function<void(memory::HartMask const&, memory::Space&, memory::FlushRequest const&)>
        on_flush_harts{};
    std::function<Hpa(memory::Hva)> on_window{};  // unset: a walk of `satp`
    isa::Satp satp{};
    u64 zeroed_bytes = 0;
    u64 house_flushes = 0;
    u64 page_fences = 0;
    u64 window_fences = 0;
    u64 hart_flushes = 0;
    bool looking = false;  // in on_view already

private:
    struct Bank {
        HpaRange range;
        u8* bytes;
    };
    std::vector<Bank> banks_;
};

// A board whose frames are ready: the table lies at the end of the first bank.
struct Board {
    explicit Board(std::vector<HpaRange> banks = {{Hpa{0x8000'0000}, u64{64} << 20}},
                   u64 house_bytes = u64{8} << 20, std::vector<HpaRange> reserved = {});
    Memory memory;
    memory::Frames frames;
};

// Takes house frames until exactly `left` single ones can still be had, and holds them.
class Shortage {
public:
    Shortage(memory::Frames& frames, u64 left);
    ~Shortage();
    Shortage(Shortage const&) = delete;
    Shortage& operator=(Shortage const&) = delete;

private:
    memory::Frames& frames_;
    std::vector<memory::Page<memory::Dirty>> held_{};
};

}  // namespace antler::fake
