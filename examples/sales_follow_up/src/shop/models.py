"""What the shop writes."""

from pydantic import BaseModel, Field


class Email(BaseModel):
    """A follow-up email, ready to send."""

    to: str = Field(description="First name of the customer.")
    subject: str = Field(max_length=78)
    body: str
    products: list[str] = Field(description="Products the call was about, in order of mention.")
    follow_up_days: int = Field(description="Days until the next call.", ge=1, le=30)
