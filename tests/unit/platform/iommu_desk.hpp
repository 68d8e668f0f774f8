// A board with IOMMUs, and guests whose devices are behind them.
#pragma once

#include <gtest/gtest.h>

#include "base/units.hpp"
#include "platform/iommus.hpp"
#include "tests/fake/iommu.hpp"

namespace antler::platform::test {

using fake::Iommu;
using isa::GStageMode;
using memory::Space;

inline constexpr Gpa ram{0x8000'0000};
inline constexpr Gpa files{0x2800'0000};
inline constexpr u32 wide_map_bits = 16;

struct Guest : Space {
    Guest(memory::Frames& frames, memory::Tags& tags, u16 owner,
          memory::DeviceTree devices = memory::DeviceTree::shared)
        : Space{frames, tags, memory::OwnerId{owner}} {
        EXPECT_TRUE(create(GStageMode::sv39x4, isa::Features::all(), devices).ok());
    }
    ~Guest() {
        while (!destroy_step()) {
        }
        EXPECT_EQ(frames().accounting(owner()), memory::Use{});
    }
    Hpa give(Gpa at, memory::Order order = memory::order_4k) {
        auto page = memory::PageMaker::make<memory::Zeroed>(
            memory::PageMaker::unmake(frames().take(memory::Pool::guest, order, owner()).value()));
        auto const where = page.start();
        EXPECT_TRUE(map(at, std::move(page)).ok());
        return where;
    }
};

struct Desk {
    explicit Desk(u64 capabilities = Iommu::everything, u32 bits = wide_map_bits)
        : hardware{board.memory, capabilities}, before{board.frames.accounting(memory::house_owner)} {
        opened = all.add(hardware, {.phandle = 7, .name = "fake"}, bits, true).ok();
    }
    ~Desk() {
        all[0].close(board.frames);
        EXPECT_EQ(board.frames.accounting(memory::house_owner), before);
    }
    [[nodiscard]] std::set<Iommu::Reached> reads(u32 device, Gpa at) {
        return hardware.access(device, at, false);
    }
    [[nodiscard]] std::set<Iommu::Reached> writes(u32 device, Gpa at) {
        return hardware.access(device, at, true);
    }
    std::vector<Iommus::Fault> faults(Ticks now = {}) {
        std::vector<Iommus::Fault> found;
        names.clear();
        all.for_each_fault(0, now, [&](Iommus::Fault const& fault) {
            found.push_back(fault);
            names.emplace_back(fault.vm);
        });
        return found;
    }

    fake::Board board{};
    memory::Tags tags{14};
    Iommu hardware;
    memory::Use before;
    Iommus all{board.frames};
    bool opened = false;
    std::vector<std::string> names{};
};

using Only = std::set<Iommu::Reached>;
inline constexpr DeviceId disk{0, 0x10};
inline constexpr DeviceId other{0, 0x123};

}  // namespace antler::platform::test
