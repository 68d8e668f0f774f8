// What a device has done so far, for the operator: the device names its counters, whoever asks adds the
// device.
#pragma once

#include <string_view>

#include "base/types.hpp"

namespace antler::device {

// A device that counts has: void counters(CounterVisitor& each) const, which calls each(name, value) for
// every counter, in an order that does not change.  Names are words with underscores: "read_bytes".
class CounterVisitor {
public:
    virtual void operator()(std::string_view counter, u64 value) = 0;

protected:
    ~CounterVisitor() = default;
};

template <class D>
concept Counting = requires(D const& device, CounterVisitor& each) { device.counters(each); };

}  // namespace antler::device
