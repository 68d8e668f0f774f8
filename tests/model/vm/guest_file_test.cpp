// vCPUs move at random between harts, and their interrupt files between harts and software, while guests,
// devices and the hypervisor send messages, also between any two steps of a move.  Each message has a
// sequence number; none is lost, and none is taken twice.
#include "vm/guest_file.hpp"

#include <gtest/gtest.h>

#include <cstdlib>
#include <random>

#include "hart/guest_file.hpp"
#include "tests/unit/vm/world.hpp"
#include "vm/team.hpp"

namespace antler::vm {
namespace {

using namespace isa::interrupt_file;
namespace csr = hart::csr;

constexpr u32 harts = 3;
constexpr u32 vcpus = 5;
constexpr u32 identities = 127;
constexpr u32 csrrw_a0_stopei_x0 = 0x15c0'1573;
constexpr u32 wfi = 0x1050'0073;

// What devices know of where a vCPU's file is, until they are told that it leaves.
struct Devices final : FileObserver {
    std::array<std::optional<Hpa>, vcpus> pages{};
    std::function<void(Vcpu&)> last_words{};
    void file_leaves(Vcpu& vcpu, Hpa page) override {
        EXPECT_EQ(pages[vcpu.id], page);
        last_words(vcpu);
        pages[vcpu.id].reset();
    }
    void file_lives_at(Vcpu& vcpu, Hpa page) override { pages[vcpu.id] = page; }
};

class Model {
public:
    Model(u64 seed, u32 files)
        : random_{seed}, vm_{world_.add({.vcpus = vcpus, .interrupts = Interrupts::aia})} {
        for (u32 i = 0; i < harts; ++i) {
            cores_[i] = &world_.core(i);
            cores_[i]->team = &team_;
        }
        world_.give_files(files);
        fake::outside().on_ipi = [this](u32 hart) { told_[hart] = true; };
        vm_.observe_files(devices_);
        devices_.last_words = [this](Vcpu& vcpu) {
            if (!is_quiet_ && chance(2)) send_by_device(vcpu);
        };
        world_.board().memory.on_flush_harts = [this](auto const& mask, auto&, auto const&) {
            for (u32 hart = 0; hart < harts; ++hart) {
                if (!mask.has(hart)) continue;
                if (!is_quiet_ && chance(2)) send_by_guest(hart);  // until it answers
                cached_[hart] = {};
            }
        };
        static_cast<void>(world_.start(vm_));
        for (u32 id = 1; id < vcpus; ++id)
            VERIFY(vm_.start_hart(id, {.pc = World::code, .opaque = 0}) == abi::sbi::Status::success);
        world_.run_all();
        for (u32 id = 0; id < vcpus; ++id) open(*vm_.vcpu(id));
        for (u32 hart = 0; hart < harts; ++hart) {
            auto& file = world_.file(hart);
            file.on_step = [this] {
                if (!is_quiet_ && chance(40)) come_between();
            };
            file.on_fence = [this, hart](fake::Fence const& fence) {
                if (fence.kind == fake::Fence::Kind::guest_physical) cached_[hart] = {};
            };
        }
    }
    ~Model() {
        for (u32 hart = 0; hart < harts; ++hart) {
            world_.file(hart).on_step = {};
            world_.file(hart).on_fence = {};
        }
        fake::outside().on_ipi = {};
        world_.board().memory.on_flush_harts = {};
    }

    void step() {
        auto const hart = pick(harts);
        auto& vcpu = *vm_.vcpu(pick(vcpus));
        switch (pick(8)) {
            case 0: vm_.pin(vcpu, 1 + pick((1U << harts) - 1)); break;
            case 1: send(vcpu); break;
            case 2: send_by_device(vcpu); break;
            case 3: send_by_guest(pick(harts)); break;
            case 4: wait(hart); break;
            case 5: turn(hart, true); break;
            default: turn(hart, false); break;
        }
    }
    // Everybody runs until everything has arrived, or nothing does any more.
    void settle() {
        is_quiet_ = true;
        for (u32 round = 0; round < 40 && unseen() != 0; ++round)
            for (u32 hart = 0; hart < harts; ++hart) turn(hart, true, identities);
        is_quiet_ = false;
    }
    [[nodiscard]] u64 unseen() const {
        u64 count = 0;
        for (u32 v = 0; v < vcpus; ++v)
            for (u32 i = 1; i <= identities; ++i) count += sent_[v][i] != seen_[v][i];
        return count;
    }
    [[nodiscard]] std::string state() const {
        std::string text;
        for (u32 id = 0; id < vcpus; ++id) {
            auto const& v = *vm_.vcpu(id);
            text += std::to_string(id) + ": at " + std::to_string(v.home->index) + " place " +
                    std::to_string(static_cast<int>(v.place)) + " file " + std::to_string(v.file->guest()) +
                    " requests " + std::to_string(v.requests.load()) + " moves " +
                    std::to_string(v.moves.load()) + " inbox " + std::to_string(v.in_inbox.load()) +
                    " affinity " + std::to_string(v.affinity.load()) + " hvip " +
                    std::to_string(v.csrs.hvip) + " unseen";
            for (u32 i = 1; i <= identities; ++i)
                if (sent_[id][i] != seen_[id][i]) text += " " + std::to_string(i);
            text += "\n";
        }
        return text;
    }
    [[nodiscard]] u64 moves() const {
        u64 count = 0;
        for (u32 id = 0; id < vcpus; ++id) count += vm_.vcpu(id)->times.migrations;
        return count;
    }

    u64 taken = 0, in_hardware = 0, twice = 0;

private:
    u32 pick(u32 below) { return static_cast<u32>(random_() % below); }
    bool chance(u32 one_in) { return pick(one_in) == 0; }

    void open(Vcpu& vcpu) {
        auto const into = [](isa::InterruptFile& file) {
            static_cast<void>(file.write(eidelivery, 1));
            for (u16 select = eie0; select <= of<isa::Xlen::rv64>(eie0, identities); select += 2)
                static_cast<void>(file.write(select, ~u64{0}));
        };
        auto* const hardware = world_.hart_file(vcpu);
        into(hardware != nullptr ? *hardware : vcpu.file->soft());
    }

    // Counted first; whoever sends is on none of these harts.
    u32 number(Vcpu const& vcpu) {
        auto const identity = 1 + pick(identities);
        ++sent_[vcpu.id][identity];
        return identity;
    }
    template <class Body>
    void from_outside(Body&& body) {
        auto& file = fake::hart();
        auto* const before = std::exchange(file.current, &outsider_);
        auto const step = std::exchange(file.on_step, {});
        body();
        fake::hart().on_step = step;
        fake::hart().current = before;
    }
    void send(Vcpu& vcpu) {
        from_outside([&] { vm_.deliver_message(imsic_start + u64{vcpu.id} * page_bytes, number(vcpu)); });
    }
    // An IOMMU stores to the page, or sets bits in memory and gives notice.
    void send_by_device(Vcpu& vcpu) {
        from_outside([&] {
            auto const identity = number(vcpu);
            if (auto const page = devices_.pages[vcpu.id]) return hart::send_message(*page, identity);
            vcpu.file->words()[2 * (identity / 64)].fetch_or(u64{1} << identity % 64);
            vcpu.file->messages_came();
        });
    }
    // A guest that runs there stores where its hart believes that the page is.
    void send_by_guest(u32 hart) {
        if (world_.core(hart).view.serves() != &vm_.ram().space()) return;
        auto& vcpu = *vm_.vcpu(pick(vcpus));
        auto& cached = cached_[hart][vcpu.id];
        if (!cached)
            if (auto const mapping = vm_.ram().space().lookup(imsic_start + u64{vcpu.id} * page_bytes))
                cached = mapping->at;
        if (!cached) return send(vcpu);  // the fault is a message
        auto const identity = number(vcpu);
        from_outside([&] { hart::send_message(*cached, identity); });
    }
    void come_between() {
        auto& vcpu = *vm_.vcpu(pick(vcpus));
        if (chance(2)) return send(vcpu);
        send_by_device(vcpu);
    }

    void wait(u32 hart) {
        world_.on(hart, [&](Core& core) {
            if (core.current == nullptr || core.current->place != Vcpu::Place::running) return;
            static_cast<void>(
                world_.take(*core.current, {.cause = isa::Exception::virtual_instruction, .stval = wfi}));
        });
    }
    // Whoever runs there takes what came.
    void turn(u32 hart, bool another, u32 most = 3) {
        fake::hart().now += pick(3) == 0 ? 2 * Core::slice : 10;
        world_.on(hart, [&](Core& core) {
            if (std::exchange(told_[hart], false)) csr::sip::set_bits(host_software_pending);
            core.serve_interrupts();
            if (another) core.must_choose = true;
        });
        auto* const vcpu = world_.run(hart);
        if (vcpu == nullptr) return;
        world_.on(hart, [&](Core& core) {
            for (u32 i = 0; i < most && core.current == vcpu && vcpu->place == Vcpu::Place::running; ++i)
                if (!take(*vcpu)) return;
        });
    }
    bool take(Vcpu& vcpu) {
        auto const before = std::exchange(is_quiet_, true);  // what is sent is before or after it
        auto const any = take_one(vcpu);
        is_quiet_ = before;
        return any;
    }
    bool take_one(Vcpu& vcpu) {
        u32 identity = 0;
        if (auto* const file = world_.hart_file(vcpu); file != nullptr) {
            if (!file->signals()) return false;
            identity = file->claim();
            fake::update_hgeip(fake::hart());
            ++in_hardware;
        } else {
            vcpu.sstatus = isa::Sstatus::spp::set(vcpu.sstatus, true);
            static_cast<void>(world_.take(
                vcpu, {.cause = isa::Exception::virtual_instruction, .stval = csrrw_a0_stopei_x0}));
            identity = static_cast<u32>(vcpu.x[10] >> 16);
            if (identity == 0) return false;
        }
        ++taken;
        if (seen_[vcpu.id][identity] == sent_[vcpu.id][identity]) ++twice;
        seen_[vcpu.id][identity] = sent_[vcpu.id][identity];
        return true;
    }

    bool is_quiet_ = false;
    std::array<bool, harts> told_{};  // an IPI is on its way
    std::minstd_rand random_;
    World world_{harts};
    std::array<Core*, harts> cores_{};
    Team team_{.cores = cores_};
    Vm& vm_;
    Devices devices_{};
    Core outsider_{};
    std::array<std::array<std::optional<Hpa>, vcpus>, harts> cached_{};
    std::array<std::array<u64, identities + 1>, vcpus> sent_{};
    std::array<std::array<u64, identities + 1>, vcpus> seen_{};
};

u64 wanted_moves() {
    auto const* const wanted = std::getenv("ANTLER_MODEL_MOVES");
    return wanted != nullptr ? std::strtoull(wanted, nullptr, 0) : 2'000;
}

class MovingFiles : public testing::TestWithParam<u32> {};

TEST_P(MovingFiles, LoseNoMessageAndTakeNoneTwice) {
    Model model{GetParam() + 1, GetParam()};
    while (model.moves() < wanted_moves()) {
        for (u32 i = 0; i < 400; ++i) model.step();
        model.settle();
        ASSERT_EQ(model.unseen(), 0U) << "after " << model.moves() << " moves\n" << model.state();
        ASSERT_EQ(model.twice, 0U) << "after " << model.moves() << " moves";
    }
    EXPECT_GT(model.taken, model.moves());
    EXPECT_EQ(model.in_hardware != 0, GetParam() != 0);
}

INSTANTIATE_TEST_SUITE_P(FilesOfAHart, MovingFiles, testing::Values(0, 1, 2, 7));

}  // namespace
}  // namespace antler::vm
