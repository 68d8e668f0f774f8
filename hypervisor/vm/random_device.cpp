// A VM's entropy device.
#include "vm/random_device.hpp"

#include "vm/vm.hpp"

namespace antler::vm {

void RandomWire::call_again() const {
    vm->machine().ask_for_work();
}

RandomDevice::RandomDevice(Vm& vm, SlotWire const& wire)
    : wire_{&vm}, model_{vm.ram(), wire_}, registers_{wire, model_} {}

}  // namespace antler::vm
