// The board's IOMMUs, and whose memory each device reaches through them.
#pragma once

#include <array>
#include <atomic>
#include <optional>
#include <string_view>

#include "memory/space.hpp"
#include "platform/board.hpp"
#include "platform/iommu.hpp"

namespace antler::platform {

// A device as an IOMMU knows it: which of the board's, and the number there.
struct DeviceId {
    u32 iommu = 0;
    u32 number = 0;
    friend constexpr bool operator==(DeviceId, DeviceId) = default;
};

// A VM's memory as devices reach it: it hears of what changes there before a page exists again.
class IommuDomain final : public memory::Observer {
public:
    void flush(memory::FlushRequest const& request) override;
    [[nodiscard]] bool marks_pages() const override;

private:
    friend class Iommus;
    class Iommus* all_ = nullptr;
    memory::Space* space_ = nullptr;  // none: nobody's
    u16 gscid_ = 0;
    u32 devices_ = 0;
    std::atomic<u32> through_ = 0;  // the IOMMUs of its devices, by bit
    isa::iommu::MessagePages pages_{};
    std::optional<memory::Page<memory::Zeroed>> messages_{};
};

// Who says what IOMMUs refused; boot/ does.
class FaultHearer {
public:
    // When it returns, everything was heard that this IOMMU had to tell when it was called.  No lock is held.
    virtual void hear(u32 iommu) = 0;

protected:
    ~FaultHearer() = default;
};

class Iommus {
public:
    static constexpr u32 most = 4;
    static constexpr u32 most_devices = 128;
    static constexpr u32 most_domains = 64;
    static constexpr u32 most_files = static_cast<u32>(isa::iommu::messages_a_page);

    explicit Iommus(memory::Frames& frames) : frames_{frames} {}
    Iommus(Iommus const&) = delete;
    Iommus& operator=(Iommus const&) = delete;
    ~Iommus() = default;

    // While the machine starts.  `map` says which devices of PCI go through which of them.
    struct Kind {
        u32 phandle = 0;
        std::string_view name{};  // of its kind, for people
    };
    // Opens one more; one that fails to open refuses its devices and is there nonetheless.
    [[nodiscard]] Result<void> add(IommuRegisters& registers, Kind kind, u32 device_bits, bool wired);
    void use_map(IommuMap const& map) { map_ = &map; }

    [[nodiscard]] u32 size() const { return count_; }
    [[nodiscard]] bool empty() const { return count_ == 0; }
    [[nodiscard]] Iommu& operator[](u32 index) { return all_[index]; }
    [[nodiscard]] std::string_view kind(u32 index) const { return kinds_[index].name; }

    // What a function of PCI is behind; none: its accesses go through no IOMMU.
    [[nodiscard]] std::optional<DeviceId> covers(u16 requester) const;
    // What `iommus = <phandle number>` of a node says.
    [[nodiscard]] std::optional<DeviceId> covers(u32 phandle, u32 number) const;

    // Takes from `features` what leaves of trees that these walk too may not have; attach() looks at the
    // scheme.
    void narrow(isa::Features& features);
    // It sets A and D of pages that devices touch, so what they write can be logged; else a device faults
    // where one is clear, and a space that is logged has a tree of its devices' own. Either way it faults
    // where nothing is mapped, for good: what devices reach never comes on demand.                 [iommu
    // tc.GADE]
    [[nodiscard]] bool marks_pages(DeviceId device) const;
    [[nodiscard]] bool all_mark_pages() const;

    // The device reaches this memory, and faults are told with the VM's name.  The house does not use it.
    // Before a VM's tree goes, its devices are detached.
    [[nodiscard]] Result<void> attach(DeviceId device, memory::Space& space, std::string_view vm);
    // A device that the house drives reaches all memory.
    [[nodiscard]] Result<void> attach_house(DeviceId device);
    // Returns when nothing that it did before is under way, and what was refused of that was heard while it
    // was its owner's.  Nothing happens where it is attached to nobody.
    void detach(DeviceId device);
    // It reaches nothing for a while, though it stays attached; then what it reached before, and its faults
    // are heard again. Returns as detach().
    void hold(DeviceId device);
    void let_go(DeviceId device);
    [[nodiscard]] bool is_attached(DeviceId device);
    [[nodiscard]] u32 devices(u32 iommu);  // that are attached

    // The guest's interrupt files are these pages; none leads anywhere yet.  Before its devices are attached;
    // nullopt, after they are detached, gives everything back.  Not where an IOMMU of the board cannot.
    [[nodiscard]] bool redirects_messages() const;
    // In memory, with a notice. Without merges_messages() nobody may clear a bit of a file there while
    // messages go to it: they go to a fresh one first.                                 [aia IOMMU MRIF
    // without atomic]
    [[nodiscard]] bool stores_messages() const;
    [[nodiscard]] bool merges_messages() const;
    [[nodiscard]] Result<void> set_message_pages(memory::Space& space,
                                                 std::optional<isa::iommu::MessagePages> pages);
    // Messages to a file of the guest go to this page from now on: when it returns, none arrives any more
    // where they went before.
    void redirect(memory::Space& space, u32 file, Hpa page);
    // They are kept in memory (512 bytes, zeroed), and each makes `identity` pending at the file `notice`.
    void redirect_to_memory(memory::Space& space, u32 file, Hpa memory, Hpa notice, u32 identity);
    void refuse_messages(memory::Space& space, u32 file);

    // Each entry of each directory is that of a device, and leads to the tree and to the messages of whoever
    // has it; what is wrong first, if anything is.  Any hart, at any time.
    struct Finding {
        char const* what = "";
        DeviceId device{};
    };
    [[nodiscard]] std::optional<Finding> audit();
    // Where messages to this file go; none: the space has no such table.
    [[nodiscard]] std::optional<isa::iommu::MessageEntry> message(memory::Space const& space, u32 file);

    // What was refused, in order: body(Fault const&).  Bounded, and one hart at a time.
    struct Fault {
        isa::iommu::FaultRecord record{};
        DeviceId device{};
        std::string_view vm{};  // empty: the house's, or nobody's
        bool house = false;
        bool silenced = false;  // it was one too many: this device's faults are heard no longer
    };
    template <class Body>
    void for_each_fault(u32 index, Ticks now, Body&& body) {
        all_[index].drain([&](isa::iommu::FaultRecord const& record) {
            Name name{};
            auto const fault = explain(record, index, now, name);
            body(fault);
        });
    }
    // So many faults of a device are heard in this time.
    static constexpr u32 most_faults = 64;
    // Whoever calls for_each_fault(): asked to, before a device is let go.
    void set_hearer(FaultHearer& hearer) { hearer_ = &hearer; }
    void set_patience(Ticks patience) { patience_ = patience; }

private:
    friend class IommuDomain;
    static constexpr usize longest_name = 32;
    struct Name {
        std::array<char, longest_name> text{};
        u8 size = 0;
    };
    struct Device {
        DeviceId id{};
        bool used = false;
        bool house = false;
        bool silent = false;
        IommuDomain* domain = nullptr;
        Name vm{};
        Ticks window{};  // of faults
        u32 faults = 0;
    };
    struct State {
        std::array<Device, most_devices> devices{};
        std::array<IommuDomain, most_domains> domains{};
    };

    [[nodiscard]] static Device* find(State& state, DeviceId id);
    [[nodiscard]] static IommuDomain* find(State& state, memory::Space const& space);
    [[nodiscard]] Result<IommuDomain*> domain_of(State& state, memory::Space& space);
    void leave(IommuDomain& domain);
    [[nodiscard]] Result<isa::iommu::DeviceContext> context_of(DeviceId id, IommuDomain const* domain);
    [[nodiscard]] Result<void> add_device(State& state, DeviceId id, IommuDomain* domain,
                                          std::string_view vm);
    [[nodiscard]] char const* audit_device(State& state, DeviceId id, std::span<u64 const> words);
    void change_message(memory::Space& space, u32 file, u64 first, std::optional<u64> second);
    void run(u32 through, std::span<isa::iommu::Command const> list);
    [[nodiscard]] Fault explain(isa::iommu::FaultRecord const& record, u32 index, Ticks now, Name& name);

    memory::Frames& frames_;
    std::array<Iommu, most> all_{};
    std::array<Kind, most> kinds_{};
    u32 count_ = 0;
    IommuMap const* map_ = nullptr;
    FaultHearer* hearer_ = nullptr;
    Ticks patience_{10'000'000};
    Locked<State, Rank::iommus> state_;
};

}  // namespace antler::platform
