import datetime

from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class PaymentAction(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    PAYMENT_ACTION_UNSPECIFIED: _ClassVar[PaymentAction]
    PAYMENT_ACTION_AUTHORIZE: _ClassVar[PaymentAction]
    PAYMENT_ACTION_REFUND: _ClassVar[PaymentAction]

class InventoryAction(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    INVENTORY_ACTION_UNSPECIFIED: _ClassVar[InventoryAction]
    INVENTORY_ACTION_RESERVE: _ClassVar[InventoryAction]
    INVENTORY_ACTION_RELEASE: _ClassVar[InventoryAction]

class ShipmentAction(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    SHIPMENT_ACTION_UNSPECIFIED: _ClassVar[ShipmentAction]
    SHIPMENT_ACTION_SCHEDULE: _ClassVar[ShipmentAction]
PAYMENT_ACTION_UNSPECIFIED: PaymentAction
PAYMENT_ACTION_AUTHORIZE: PaymentAction
PAYMENT_ACTION_REFUND: PaymentAction
INVENTORY_ACTION_UNSPECIFIED: InventoryAction
INVENTORY_ACTION_RESERVE: InventoryAction
INVENTORY_ACTION_RELEASE: InventoryAction
SHIPMENT_ACTION_UNSPECIFIED: ShipmentAction
SHIPMENT_ACTION_SCHEDULE: ShipmentAction

class PlaceOrder(_message.Message):
    __slots__ = ("saga_id", "customer_id", "amount_cents", "currency", "drink", "quantity", "deadline", "faults", "cancel")
    SAGA_ID_FIELD_NUMBER: _ClassVar[int]
    CUSTOMER_ID_FIELD_NUMBER: _ClassVar[int]
    AMOUNT_CENTS_FIELD_NUMBER: _ClassVar[int]
    CURRENCY_FIELD_NUMBER: _ClassVar[int]
    DRINK_FIELD_NUMBER: _ClassVar[int]
    QUANTITY_FIELD_NUMBER: _ClassVar[int]
    DEADLINE_FIELD_NUMBER: _ClassVar[int]
    FAULTS_FIELD_NUMBER: _ClassVar[int]
    CANCEL_FIELD_NUMBER: _ClassVar[int]
    saga_id: str
    customer_id: str
    amount_cents: int
    currency: str
    drink: str
    quantity: int
    deadline: _timestamp_pb2.Timestamp
    faults: str
    cancel: bool
    def __init__(self, saga_id: _Optional[str] = ..., customer_id: _Optional[str] = ..., amount_cents: _Optional[int] = ..., currency: _Optional[str] = ..., drink: _Optional[str] = ..., quantity: _Optional[int] = ..., deadline: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., faults: _Optional[str] = ..., cancel: _Optional[bool] = ...) -> None: ...

class OrderRequested(_message.Message):
    __slots__ = ("saga_id", "customer_id", "amount_cents", "currency", "occurred_at", "drink", "quantity", "deadline", "faults", "cancel")
    SAGA_ID_FIELD_NUMBER: _ClassVar[int]
    CUSTOMER_ID_FIELD_NUMBER: _ClassVar[int]
    AMOUNT_CENTS_FIELD_NUMBER: _ClassVar[int]
    CURRENCY_FIELD_NUMBER: _ClassVar[int]
    OCCURRED_AT_FIELD_NUMBER: _ClassVar[int]
    DRINK_FIELD_NUMBER: _ClassVar[int]
    QUANTITY_FIELD_NUMBER: _ClassVar[int]
    DEADLINE_FIELD_NUMBER: _ClassVar[int]
    FAULTS_FIELD_NUMBER: _ClassVar[int]
    CANCEL_FIELD_NUMBER: _ClassVar[int]
    saga_id: str
    customer_id: str
    amount_cents: int
    currency: str
    occurred_at: _timestamp_pb2.Timestamp
    drink: str
    quantity: int
    deadline: _timestamp_pb2.Timestamp
    faults: str
    cancel: bool
    def __init__(self, saga_id: _Optional[str] = ..., customer_id: _Optional[str] = ..., amount_cents: _Optional[int] = ..., currency: _Optional[str] = ..., occurred_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., drink: _Optional[str] = ..., quantity: _Optional[int] = ..., deadline: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., faults: _Optional[str] = ..., cancel: _Optional[bool] = ...) -> None: ...

class PaymentCompleted(_message.Message):
    __slots__ = ("saga_id", "payment_id", "amount_cents", "currency", "occurred_at", "drink", "quantity", "deadline", "faults")
    SAGA_ID_FIELD_NUMBER: _ClassVar[int]
    PAYMENT_ID_FIELD_NUMBER: _ClassVar[int]
    AMOUNT_CENTS_FIELD_NUMBER: _ClassVar[int]
    CURRENCY_FIELD_NUMBER: _ClassVar[int]
    OCCURRED_AT_FIELD_NUMBER: _ClassVar[int]
    DRINK_FIELD_NUMBER: _ClassVar[int]
    QUANTITY_FIELD_NUMBER: _ClassVar[int]
    DEADLINE_FIELD_NUMBER: _ClassVar[int]
    FAULTS_FIELD_NUMBER: _ClassVar[int]
    saga_id: str
    payment_id: str
    amount_cents: int
    currency: str
    occurred_at: _timestamp_pb2.Timestamp
    drink: str
    quantity: int
    deadline: _timestamp_pb2.Timestamp
    faults: str
    def __init__(self, saga_id: _Optional[str] = ..., payment_id: _Optional[str] = ..., amount_cents: _Optional[int] = ..., currency: _Optional[str] = ..., occurred_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., drink: _Optional[str] = ..., quantity: _Optional[int] = ..., deadline: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., faults: _Optional[str] = ...) -> None: ...

class PaymentFailed(_message.Message):
    __slots__ = ("saga_id", "reason", "occurred_at")
    SAGA_ID_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    OCCURRED_AT_FIELD_NUMBER: _ClassVar[int]
    saga_id: str
    reason: str
    occurred_at: _timestamp_pb2.Timestamp
    def __init__(self, saga_id: _Optional[str] = ..., reason: _Optional[str] = ..., occurred_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class PaymentRefunded(_message.Message):
    __slots__ = ("saga_id", "payment_id", "reason", "occurred_at")
    SAGA_ID_FIELD_NUMBER: _ClassVar[int]
    PAYMENT_ID_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    OCCURRED_AT_FIELD_NUMBER: _ClassVar[int]
    saga_id: str
    payment_id: str
    reason: str
    occurred_at: _timestamp_pb2.Timestamp
    def __init__(self, saga_id: _Optional[str] = ..., payment_id: _Optional[str] = ..., reason: _Optional[str] = ..., occurred_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class InventoryReserved(_message.Message):
    __slots__ = ("saga_id", "reservation_id", "occurred_at", "drink", "quantity", "deadline", "faults")
    SAGA_ID_FIELD_NUMBER: _ClassVar[int]
    RESERVATION_ID_FIELD_NUMBER: _ClassVar[int]
    OCCURRED_AT_FIELD_NUMBER: _ClassVar[int]
    DRINK_FIELD_NUMBER: _ClassVar[int]
    QUANTITY_FIELD_NUMBER: _ClassVar[int]
    DEADLINE_FIELD_NUMBER: _ClassVar[int]
    FAULTS_FIELD_NUMBER: _ClassVar[int]
    saga_id: str
    reservation_id: str
    occurred_at: _timestamp_pb2.Timestamp
    drink: str
    quantity: int
    deadline: _timestamp_pb2.Timestamp
    faults: str
    def __init__(self, saga_id: _Optional[str] = ..., reservation_id: _Optional[str] = ..., occurred_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., drink: _Optional[str] = ..., quantity: _Optional[int] = ..., deadline: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., faults: _Optional[str] = ...) -> None: ...

class InventoryFailed(_message.Message):
    __slots__ = ("saga_id", "reason", "occurred_at")
    SAGA_ID_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    OCCURRED_AT_FIELD_NUMBER: _ClassVar[int]
    saga_id: str
    reason: str
    occurred_at: _timestamp_pb2.Timestamp
    def __init__(self, saga_id: _Optional[str] = ..., reason: _Optional[str] = ..., occurred_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class InventoryReleased(_message.Message):
    __slots__ = ("saga_id", "reservation_id", "reason", "occurred_at")
    SAGA_ID_FIELD_NUMBER: _ClassVar[int]
    RESERVATION_ID_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    OCCURRED_AT_FIELD_NUMBER: _ClassVar[int]
    saga_id: str
    reservation_id: str
    reason: str
    occurred_at: _timestamp_pb2.Timestamp
    def __init__(self, saga_id: _Optional[str] = ..., reservation_id: _Optional[str] = ..., reason: _Optional[str] = ..., occurred_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class ShipmentScheduled(_message.Message):
    __slots__ = ("saga_id", "shipment_id", "occurred_at")
    SAGA_ID_FIELD_NUMBER: _ClassVar[int]
    SHIPMENT_ID_FIELD_NUMBER: _ClassVar[int]
    OCCURRED_AT_FIELD_NUMBER: _ClassVar[int]
    saga_id: str
    shipment_id: str
    occurred_at: _timestamp_pb2.Timestamp
    def __init__(self, saga_id: _Optional[str] = ..., shipment_id: _Optional[str] = ..., occurred_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class ShipmentFailed(_message.Message):
    __slots__ = ("saga_id", "reason", "occurred_at")
    SAGA_ID_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    OCCURRED_AT_FIELD_NUMBER: _ClassVar[int]
    saga_id: str
    reason: str
    occurred_at: _timestamp_pb2.Timestamp
    def __init__(self, saga_id: _Optional[str] = ..., reason: _Optional[str] = ..., occurred_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class PaymentCommand(_message.Message):
    __slots__ = ("saga_id", "action", "customer_id", "amount_cents", "currency", "drink", "quantity", "deadline", "faults")
    SAGA_ID_FIELD_NUMBER: _ClassVar[int]
    ACTION_FIELD_NUMBER: _ClassVar[int]
    CUSTOMER_ID_FIELD_NUMBER: _ClassVar[int]
    AMOUNT_CENTS_FIELD_NUMBER: _ClassVar[int]
    CURRENCY_FIELD_NUMBER: _ClassVar[int]
    DRINK_FIELD_NUMBER: _ClassVar[int]
    QUANTITY_FIELD_NUMBER: _ClassVar[int]
    DEADLINE_FIELD_NUMBER: _ClassVar[int]
    FAULTS_FIELD_NUMBER: _ClassVar[int]
    saga_id: str
    action: PaymentAction
    customer_id: str
    amount_cents: int
    currency: str
    drink: str
    quantity: int
    deadline: _timestamp_pb2.Timestamp
    faults: str
    def __init__(self, saga_id: _Optional[str] = ..., action: _Optional[_Union[PaymentAction, str]] = ..., customer_id: _Optional[str] = ..., amount_cents: _Optional[int] = ..., currency: _Optional[str] = ..., drink: _Optional[str] = ..., quantity: _Optional[int] = ..., deadline: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., faults: _Optional[str] = ...) -> None: ...

class PaymentReply(_message.Message):
    __slots__ = ("saga_id", "action", "ok", "payment_id", "reason")
    SAGA_ID_FIELD_NUMBER: _ClassVar[int]
    ACTION_FIELD_NUMBER: _ClassVar[int]
    OK_FIELD_NUMBER: _ClassVar[int]
    PAYMENT_ID_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    saga_id: str
    action: PaymentAction
    ok: bool
    payment_id: str
    reason: str
    def __init__(self, saga_id: _Optional[str] = ..., action: _Optional[_Union[PaymentAction, str]] = ..., ok: _Optional[bool] = ..., payment_id: _Optional[str] = ..., reason: _Optional[str] = ...) -> None: ...

class InventoryCommand(_message.Message):
    __slots__ = ("saga_id", "action", "customer_id", "amount_cents", "drink", "quantity", "deadline", "faults")
    SAGA_ID_FIELD_NUMBER: _ClassVar[int]
    ACTION_FIELD_NUMBER: _ClassVar[int]
    CUSTOMER_ID_FIELD_NUMBER: _ClassVar[int]
    AMOUNT_CENTS_FIELD_NUMBER: _ClassVar[int]
    DRINK_FIELD_NUMBER: _ClassVar[int]
    QUANTITY_FIELD_NUMBER: _ClassVar[int]
    DEADLINE_FIELD_NUMBER: _ClassVar[int]
    FAULTS_FIELD_NUMBER: _ClassVar[int]
    saga_id: str
    action: InventoryAction
    customer_id: str
    amount_cents: int
    drink: str
    quantity: int
    deadline: _timestamp_pb2.Timestamp
    faults: str
    def __init__(self, saga_id: _Optional[str] = ..., action: _Optional[_Union[InventoryAction, str]] = ..., customer_id: _Optional[str] = ..., amount_cents: _Optional[int] = ..., drink: _Optional[str] = ..., quantity: _Optional[int] = ..., deadline: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., faults: _Optional[str] = ...) -> None: ...

class InventoryReply(_message.Message):
    __slots__ = ("saga_id", "action", "ok", "reservation_id", "reason")
    SAGA_ID_FIELD_NUMBER: _ClassVar[int]
    ACTION_FIELD_NUMBER: _ClassVar[int]
    OK_FIELD_NUMBER: _ClassVar[int]
    RESERVATION_ID_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    saga_id: str
    action: InventoryAction
    ok: bool
    reservation_id: str
    reason: str
    def __init__(self, saga_id: _Optional[str] = ..., action: _Optional[_Union[InventoryAction, str]] = ..., ok: _Optional[bool] = ..., reservation_id: _Optional[str] = ..., reason: _Optional[str] = ...) -> None: ...

class ShipmentCommand(_message.Message):
    __slots__ = ("saga_id", "action", "customer_id", "drink", "quantity", "deadline", "faults")
    SAGA_ID_FIELD_NUMBER: _ClassVar[int]
    ACTION_FIELD_NUMBER: _ClassVar[int]
    CUSTOMER_ID_FIELD_NUMBER: _ClassVar[int]
    DRINK_FIELD_NUMBER: _ClassVar[int]
    QUANTITY_FIELD_NUMBER: _ClassVar[int]
    DEADLINE_FIELD_NUMBER: _ClassVar[int]
    FAULTS_FIELD_NUMBER: _ClassVar[int]
    saga_id: str
    action: ShipmentAction
    customer_id: str
    drink: str
    quantity: int
    deadline: _timestamp_pb2.Timestamp
    faults: str
    def __init__(self, saga_id: _Optional[str] = ..., action: _Optional[_Union[ShipmentAction, str]] = ..., customer_id: _Optional[str] = ..., drink: _Optional[str] = ..., quantity: _Optional[int] = ..., deadline: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., faults: _Optional[str] = ...) -> None: ...

class ShipmentReply(_message.Message):
    __slots__ = ("saga_id", "action", "ok", "shipment_id", "reason")
    SAGA_ID_FIELD_NUMBER: _ClassVar[int]
    ACTION_FIELD_NUMBER: _ClassVar[int]
    OK_FIELD_NUMBER: _ClassVar[int]
    SHIPMENT_ID_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    saga_id: str
    action: ShipmentAction
    ok: bool
    shipment_id: str
    reason: str
    def __init__(self, saga_id: _Optional[str] = ..., action: _Optional[_Union[ShipmentAction, str]] = ..., ok: _Optional[bool] = ..., shipment_id: _Optional[str] = ..., reason: _Optional[str] = ...) -> None: ...
