// A virtio entropy device: bytes that nobody can guess, for its driver.   [virtio 5.4]
#pragma once

#include <concepts>

#include "device/counters.hpp"
#include "device/virtio/chain_bytes.hpp"
#include "device/virtio/model.hpp"
#include "device/virtio/queue.hpp"

namespace antler::device::virtio {

template <class S>
concept RandomSource = requires(S& source, std::span<u8> into) {
    { source.draw(into) } -> std::same_as<bool>;  // false: none can be had now
    source.call_again();                          // work() is to be called soon
};

template <GuestMemory M, RandomSource S>
class Rng final : public Model {
public:
    static constexpr u32 most_bytes = 256;  // in one buffer; the driver asks again for more
    static constexpr u32 budget = 8;        // buffers in one go

    Rng(M& memory, S& source) : memory_{memory}, source_{source} {}

    [[nodiscard]] std::string_view name() const override { return "virtio-rng"; }
    [[nodiscard]] u32 device_id() const override { return 4; }
    [[nodiscard]] u64 features() const override { return 0; }
    [[nodiscard]] u32 queue_count() const override { return 1; }
    [[nodiscard]] u16 queue_size(u32) const override { return 8; }
    [[nodiscard]] u64 read_config(Offset, Width) override { return 0; }
    void write_config(Offset, Width, u64) override {}

    void start(Transport& transport, u64 features, std::span<RingPlace const> places) override {
        transport_ = &transport;
        if (places[0].size != 0) queue_.open(memory_, places[0], features);
        if (!queue_.listen()) source_.call_again();
    }
    void stop() override { queue_.reset(); }
    void notify(u32) override {
        if (work()) source_.call_again();
    }
    [[nodiscard]] bool work() override {
        if (!queue_.is_open()) return false;
        bool const more = fill_some();
        if (queue_.publish()) transport_->queue_interrupt(0);
        if (queue_.is_broken()) {
            queue_.reset();
            transport_->needs_reset();
            return false;
        }
        return more;
    }
    void counters(CounterVisitor& each) const { each("bytes", bytes_); }

private:
    [[nodiscard]] bool fill_some() {
        for (u32 i = 0; i < budget; ++i) {
            auto const before = queue_.mark();
            if (!queue_.pop(chain_)) {
                if (queue_.listen() || !queue_.pop(chain_)) return false;
            }
            std::array<u8, most_bytes> random;
            auto const wanted = std::span{random}.first(std::min(chain_.writable_bytes, most_bytes));
            if (!source_.draw(wanted)) {
                queue_.rewind(before);  // it waits for bytes rather than get others
                return false;
            }
            auto const written = write_chain(memory_, chain_, wanted);
            __builtin_memset(random.data(), 0, random.size());
            if (!written) {
                queue_.break_it();
                return false;
            }
            bytes_ += *written;
            queue_.use(chain_, *written);
        }
        return true;
    }

    M& memory_;
    S& source_;
    Transport* transport_ = nullptr;
    Queue<M> queue_{};
    u64 bytes_ = 0;
    Chain chain_;  // the one at hand, which is larger than a frame may be
};

}  // namespace antler::device::virtio
