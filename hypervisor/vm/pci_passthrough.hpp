// A function of the board's PCI that a VM owns, as its guest sees it.
#pragma once

#include <array>
#include <span>

#include "device/pci/function.hpp"
#include "device/pci/msix.hpp"

namespace antler::vm {

// The function itself; boot/ has it.
class BoardFunction {
public:
    struct Bar {
        HpaRange range{};  // size 0: none, or not of memory
        bool wide = false;
        bool prefetchable = false;
    };
    // Its configuration, 32 bits at a time.
    [[nodiscard]] virtual u32 read(u32 offset) = 0;
    virtual void write(u32 offset, u32 value) = 0;
    // Its registers.
    [[nodiscard]] virtual u64 load(Hpa at, device::Width width) = 0;
    virtual void store(Hpa at, device::Width width, u64 value) = 0;
    [[nodiscard]] virtual Bar bar(u32 index) = 0;
    // As after power-on, but that its registers are where they were: it reaches no memory.
    virtual void reset() = 0;

protected:
    ~BoardFunction() = default;
};

// Its registers are mapped where the guest finds them at first; elsewhere, and in the pages that hold its
// messages, they are reached by exits.  Only what is named here reaches the real configuration: the commands
// that concern the device alone, and whether it sends messages or raises its pin.  What messages say goes
// through an IOMMU, so they name nobody but the guest's own files and memory; a pin is the guest's only where
// its wire is.
class PciPassthrough final : public device::pci::Function {
public:
    static constexpr u32 most_vectors = 256;

    explicit PciPassthrough(BoardFunction& board) : board_{board} {}

    // How many messages it sends; zero: none.
    [[nodiscard]] u32 vectors() const { return vectors_; }
    // Looks for what it has; then its messages are kept here.
    void look();
    void describe(std::span<device::pci::Message> messages);
    // Before describe(): its pin is wired to the guest, so the guest says whether it is raised.
    void wire_pin() { has_pin_ = true; }
    // Where the guest finds a BAR.
    void place(u32 bar, Gpa at) { first_[bar] = at; }
    [[nodiscard]] BoardFunction::Bar const& board_bar(u32 index) const { return bars_[index]; }
    // Calls body(offset, bytes) for the stretches of the BAR that hold no messages.
    template <class Body>
    void for_each_open_stretch(u32 bar, Body&& body) const {
        auto const size = bars_[bar].range.size;
        if (vectors_ == 0 || bar != table_bar_) return body(u64{0}, size);
        auto const start = table_ & ~(page_bytes - 1);
        auto const end =
            (u64{table_} + u64{vectors_} * device::pci::MsixTable::entry_bytes + page_bytes - 1) &
            ~(page_bytes - 1);
        if (start != 0) body(u64{0}, start);
        if (end < size) body(end, size - end);
    }

    // As after power-on.
    void power_on();

    [[nodiscard]] std::string_view name() const override { return "pci-device"; }
    [[nodiscard]] u64 read_configuration(device::Offset at, device::Width width) override;
    void write_configuration(device::Offset at, device::Width width, u64 value) override;
    [[nodiscard]] u64 read_bar(u32 bar, device::Offset at, device::Width width) override;
    void write_bar(u32 bar, device::Offset at, device::Width width, u64 value) override;

private:
    void add_capabilities();
    void tell_command();
    void tell_messages();
    void program(u32 vector);
    [[nodiscard]] device::pci::MsixTable table() { return device::pci::MsixTable{messages_}; }
    // An access that is not aligned could reach what lies behind it.
    [[nodiscard]] bool is_within(u32 bar, device::Offset at, device::Width width) const {
        auto const bytes = static_cast<u32>(width);
        return at % bytes == 0 && at < bars_[bar].range.size && bars_[bar].range.size - at >= bytes;
    }
    [[nodiscard]] bool is_table(u32 bar, device::Offset at) const {
        return vectors_ != 0 && bar == table_bar_ && at >= table_ &&
               at - table_ < vectors_ * device::pci::MsixTable::entry_bytes;
    }

    BoardFunction& board_;
    std::array<BoardFunction::Bar, device::pci::bar_count> bars_{};
    std::array<Gpa, device::pci::bar_count> first_{};
    std::span<device::pci::Message> messages_{};
    bool has_pin_ = false;
    u32 vectors_ = 0;
    u32 table_bar_ = 0;
    device::Offset table_ = 0;
    device::pci::MsixPlace place_{};
    device::Offset msix_ = 0;        // the guest's capability
    device::Offset board_msix_ = 0;  // and the function's
};

}  // namespace antler::vm
