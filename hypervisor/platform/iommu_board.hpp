// The search for the board's IOMMUs: nodes of the device tree, and functions of PCI.
#pragma once

#include <array>
#include <optional>

#include "memory/house.hpp"
#include "platform/iommus.hpp"
#include "platform/mmio.hpp"
#include "platform/pci.hpp"

namespace antler::platform {

class MmioIommu final : public IommuRegisters {
public:
    explicit MmioIommu(Hpa base) : base_{base} {}
    [[nodiscard]] u32 read(u32 offset) override;
    [[nodiscard]] u64 read64(u32 offset) override;
    void write(u32 offset, u32 value) override;
    void write64(u32 offset, u64 value) override;

private:
    Hpa base_;
};

class IommuBoard {
public:
    IommuBoard() = default;
    IommuBoard(IommuBoard const&) = delete;
    IommuBoard& operator=(IommuBoard const&) = delete;

    // Before any device of the board is used: those behind an IOMMU reach nothing from here on.
    void find(Board const& board, memory::House& house, PciBridge* bridge, Iommus& into);
    // What the n-th raises when it has something to tell.
    [[nodiscard]] std::optional<BoardWire> wire(u32 index) const { return wires_[index]; }
    // The function that it is; none: it is none.
    [[nodiscard]] std::optional<PciFunction> const& function(u32 index) const { return functions_[index]; }

private:
    void open(Hpa registers, Iommus::Kind kind, std::optional<BoardWire> wire,
              std::optional<PciFunction> const& function, Iommus& into);

    IommuMap map_{};
    std::array<std::optional<MmioIommu>, Iommus::most> registers_{};
    std::array<std::optional<BoardWire>, Iommus::most> wires_{};
    std::array<std::optional<PciFunction>, Iommus::most> functions_{};
};

}  // namespace antler::platform
